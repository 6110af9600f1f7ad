// Reads pages of the lab in Chromium until it is stopped: each a fresh profile, so that every host says hello again.
//
//   node visit.cjs world.json
'use strict';
const fs = require('fs');
const {chromium} = require('playwright-core');

const world = JSON.parse(fs.readFileSync(process.argv[2]));
const origins = world.http3.map((host) => `${host}:443`).join(',');
let stopping = false;
process.on('SIGTERM', () => { stopping = true; });

(async () => {
  const browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true,
    handleSIGTERM: false, handleSIGINT: false, handleSIGHUP: false,  // the page being read is read to its end
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', `--ignore-certificate-errors-spki-list=${world.spki}`, `--origin-to-force-quic-on=${origins}`]});
  console.log('ready');
  let pages = 0;
  for (let i = 0; !stopping; ++i) {
    const context = await browser.newContext({serviceWorkers: 'block'});
    const page = await context.newPage();
    const tool = world.tools[i % world.tools.length];
    const url = i % 2 ? `https://www.shop-${i}.example/w/shop?s=${i}&n=22` : `https://${tool.site}/p/${tool.id}/site?s=${i}&t=acme`;
    try {
      await page.goto(url, {waitUntil: 'load', timeout: 8000});
      pages += 1;
    } catch { /* it counts as not read */ }
    await context.close();
  }
  await browser.close();
  console.log(JSON.stringify({pages}));
})();
