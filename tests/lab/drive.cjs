// Plays stories in Chromium on one workstation of the lab, and writes down what truly happened and when.
//
//   node drive.cjs world.json plan.json control.sock ADDRESS[,ADDRESS6] out.jsonl
//
// Dwell times are compressed: the browser waits until a page is quiet, and the time a person would have stayed is
// noted as a gap. cut.py puts the gaps into the recording, so that its clock shows what a day looks like.
// LAB_LIVE=SECONDS plays live: every gap is waited, at most so long, and LAB_EVENTS=FILE takes each event as it happens.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const net = require('net');
const os = require('os');
const {execFile} = require('child_process');
const {chromium} = require('playwright-core');

const [, , worldFile, planFile, controlFile, addresses, outFile] = process.argv;
const world = JSON.parse(fs.readFileSync(worldFile));
const plan = JSON.parse(fs.readFileSync(planFile));
const tools = new Map(world.tools.map((tool) => [tool.id, tool]));
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const now = () => Date.now() / 1000;
const live = Number(process.env.LAB_LIVE || 0);

function random(seed) {
  let state = crypto.createHash('sha256').update(seed).digest().readUInt32LE(4) || 1;
  return () => {
    state ^= state << 13; state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5; state >>>= 0;
    return state / 4294967296;
  };
}

// closeIdle plays the servers that give up an idle connection after a minute or two.
function closeIdle() {
  return new Promise((resolve) => {
    const socket = net.connect(controlFile, () => socket.write(`idle ${addresses}\n`));
    socket.on('data', () => { socket.end(); resolve(); });
    socket.on('error', resolve);
  });
}

class Story {
  constructor(browser, spec) {
    this.browser = browser;
    this.spec = spec;
    this.next = random(spec.seed);
    this.gaps = [];
    this.events = [];
    this.idleAfter = this.between(60, 350);  // seconds until servers of this story close
    this.sinceClose = 0;
    this.count = 0;
  }

  between(low, high) { return low + this.next() * (high - low); }
  chance(p) { return this.next() < p; }
  choose(list) { return list[Math.floor(this.next() * list.length)]; }
  note(what) {
    this.events.push({t: now(), what});
    if (process.env.LAB_EVENTS) fs.appendFileSync(process.env.LAB_EVENTS, JSON.stringify({t: now(), story: this.spec.id, what}) + '\n');
  }
  seed() { return `${this.spec.seed}-${this.count++}`; }

  async fresh() {
    if (this.context) await this.context.close();
    this.context = await this.browser.newContext({viewport: {width: 900, height: 700}, serviceWorkers: 'block'});
    this.context.setDefaultTimeout(9000);
    this.page = await this.context.newPage();
  }

  async settle(page = this.page) {
    try {
      await page.waitForFunction(() => !window.__busy || window.__busy <= 0, null, {timeout: 4500, polling: 60});
    } catch { /* a page that never rests is a page too */ }
    await wait(90);
  }

  // gap: nothing happens for so many seconds, then time goes on.
  async gap(seconds) {
    if (live) return wait(1000 * Math.min(seconds, live));
    this.sinceClose += seconds;
    if (this.sinceClose > this.idleAfter) {
      this.sinceClose = 0;
      await closeIdle();
      await wait(60);
    }
    this.gaps.push([now(), seconds]);
  }

  async dwell(low, high = low) {
    await this.settle();
    const seconds = this.between(low, high);
    if (this.chance(0.12)) await this.chatter();
    if (seconds > 15 && this.chance(0.3)) {
      // Beacons of a page that stays open: they come alone, long after the page.
      await this.gap(seconds * 0.6);
      await this.page.evaluate((n) => window.labPing && window.labPing(n), Math.floor(this.next() * 20)).catch(() => {});
      await this.scroll();
      await this.gap(seconds * 0.4);
    } else {
      await this.gap(seconds);
    }
  }

  // scroll brings frames into view that load only then.
  async scroll() {
    const frames = await this.page.evaluate(() => (window.labScroll ? window.labScroll() : 0)).catch(() => 0);
    await wait(100);
    if (frames > 0) await this.settle();
  }

  async chatter() {
    const host = this.choose(world.chatter);
    await new Promise((resolve) => {
      const request = https.get({host, path: '/', rejectUnauthorized: false, timeout: 2000}, (response) => { response.resume(); response.on('end', resolve); });
      request.on('error', resolve);
      request.on('timeout', () => { request.destroy(); resolve(); });
    });
  }

  url(kind, extra = '') {
    const tool = tools.get(this.spec.tool);
    const host = (kind === 'docs' ? this.choose(tool.docs || [tool.site]) : tool[kind] || tool.site).replace('{tenant}', this.spec.tenant);
    return `https://${host}/p/${tool.id}/${kind}?t=${this.spec.tenant}&s=${this.seed()}${extra}`;
  }

  outside(kind, must = '') {
    const n = 10 + Math.floor(this.next() * 13);
    const seed = this.seed();
    const host = kind === 'company' ? this.choose(world.company) : `www.${kind}-${crypto.createHash('sha256').update(seed).digest('hex').slice(0, 6)}.example`;
    return `https://${host}/w/${kind}?s=${seed}&n=${kind === 'company' ? 0 : n}${must ? `&m=${must}&t=${this.spec.tenant}` : ''}`;
  }

  async open(url, page = this.page) {
    try {
      await page.goto(url, {waitUntil: 'load'});
    } catch (error) {
      this.note('page failed: ' + url.split('?')[0] + ' ' + String(error).split('\n')[0].slice(0, 120));
    }
  }

  // openBeside opens a page while another tab loads something else within the same second or two.
  async openBeside(url) {
    if (!this.chance(0.25)) return this.open(url);
    const other = await this.context.newPage();
    const first = this.open(this.outside(this.choose(['news', 'shop'])), other);
    await wait(this.between(0, 700));
    await this.open(url);
    await first;
    this.others = [...(this.others || []), other];
    return undefined;
  }

  async background() {
    const kinds = ['news', 'shop', 'company'];
    await this.open(this.outside(this.choose(kinds)));
    await this.dwell(8, 60);
  }

  async search() {
    if (this.chance(0.6)) {
      await this.open(`https://www.google.com/w/search?s=${this.seed()}&n=2`);
      await this.dwell(4, 12);
    }
  }

  // ---- what people do -----------------------------------------------------------------------------------------

  async readSite() {
    this.note('landing page');
    await this.openBeside(this.url('site'));
    await this.dwell(6, 50);
    const more = Math.floor(this.between(0, 3));
    for (let i = 0; i < more; ++i) {
      await this.open(this.url(this.chance(0.6) ? 'site' : 'docs'));
      await this.dwell(6, 45);
    }
  }

  async throughProvider(provider, seconds) {
    const {host} = world.identity[provider];
    const url = `https://${host}/i/${provider}?s=${this.seed()}`;
    if (this.chance(0.6)) {
      const popup = await this.context.newPage();
      await this.open(url, popup);
      await this.settle(popup);
      await this.gap(seconds);
      await popup.close();
    } else {
      await this.open(url);
      await this.settle();
      await this.gap(seconds);
    }
  }

  // backTo leads from the form to the product, as forms do: by a redirect of their own host.
  async backTo(kind) {
    const tool = tools.get(this.spec.tool);
    const form = (tool[kind] || tool.login).replace('{tenant}', this.spec.tenant);
    await this.openBeside(`https://${form}/r/?to=${encodeURIComponent(this.url('app'))}`);
  }

  async work(low, high) {
    let left = this.between(low, high);
    while (left > 0) {
      const span = this.between(8, 40);
      await this.dwell(span);
      left -= span;
      if (this.chance(0.65)) {
        await this.page.evaluate(() => window.labPoll && window.labPoll()).catch(() => {});
        await wait(120);
      } else if (this.chance(0.5)) {
        await this.open(this.url('app'));
      }
    }
    await this.settle();
  }

  async signUp(how) {
    const tool = tools.get(this.spec.tool);
    await this.search();
    if (this.chance(0.9)) await this.readSite();  // some follow a colleague's link straight to the form
    this.note(`sign-up form (${how})`);
    await this.open(this.url('signup'));
    if (how === 'password') {
      await this.dwell(18, 75);
      if (tool.confirm && this.chance(0.7)) {
        this.note('mail to confirm');
        const mail = await this.context.newPage();
        const form = this.page;
        this.page = mail;
        await this.open(`https://mail.acme-corp.example/w/company?s=${this.seed()}&n=0`);
        await this.dwell(8, 40);
        const target = `https://${(tool.signup || tool.login).replace('{tenant}', this.spec.tenant)}/r/?to=${encodeURIComponent(this.url('app'))}`;
        this.note('account made');
        await this.openBeside(`https://${tool.confirm}/r/?to=${encodeURIComponent(target)}`);
        this.others = [...(this.others || []), form];
      } else {
        this.note('account made');
        await this.backTo('signup');
      }
    } else {
      await this.dwell(3, 12);
      await this.throughProvider(how, this.between(4, 20));
      if (this.chance(0.5)) {  // the tool still asks for a name and a company
        await this.open(this.url('signup'));
        await this.dwell(8, 30);
      }
      this.note('account made');
      await this.backTo('signup');
    }
    const steps = Math.floor(this.between(1, 4));  // onboarding
    for (let i = 0; i < steps; ++i) {
      await this.dwell(8, 35);
      if (this.chance(0.5)) await this.open(this.url('app'));
    }
    await this.work(40, 160);
  }

  async signIn() {
    const tool = tools.get(this.spec.tool);
    if (this.chance(0.35)) {
      await this.search();
      this.note('landing page');
      await this.openBeside(this.url('site'));
      await this.dwell(3, 12);
    } else if (this.chance(0.5)) {
      await this.open(this.url('app'));  // the bookmark; the product sends to its sign-in page
      await this.settle();
    }
    const roll = this.next();
    const how = tool.google && roll < 0.35 ? 'google' : tool.microsoft && roll < 0.6 ? 'microsoft' : 'password';
    this.note(`sign-in form (${how})`);
    await this.open(this.url('login'));
    if (how === 'password') {
      await this.dwell(3, 9);
      if (this.chance(0.3)) await this.gap(this.between(6, 18));  // a code from the phone
    } else {
      await this.dwell(2, 5);
      await this.throughProvider(how, this.between(2, 9));
    }
    this.note('signed in');
    await this.backTo('login');
    await this.work(30, 180);
  }

  // signInSlowly: an old account whose owner does what new people do: reads first, has forgotten the password and gets
  // a mail, or is sent through the company's own sign-in. Nothing but the account's age tells it from a sign-up.
  async signInSlowly() {
    const tool = tools.get(this.spec.tool);
    if (this.chance(0.5)) {
      await this.search();
      await this.readSite();
    } else if (this.chance(0.4)) {
      await this.open(this.url('app'));
      await this.settle();
    }
    const roll = this.next();
    const how = roll < 0.4 ? 'forgotten password' : roll < 0.7 ? 'company sign-in' : 'password and a code';
    this.note(`sign-in form (${how})`);
    await this.open(this.url('login'));
    if (how === 'forgotten password') {
      await this.dwell(5, 15);
      await this.throughMail('login');
      await this.dwell(10, 30);  // the new password, twice
      await this.backTo('login');
    } else if (how === 'company sign-in') {
      await this.dwell(3, 8);
      await this.throughProvider('company', this.between(4, 25));
      await this.backTo('login');
    } else {
      await this.dwell(18, 50);
      await this.backTo('login');
    }
    this.note('signed in');
    await this.work(30, 180);
  }

  // throughMail leads from one of the tool's forms through a link in a mail back to it.
  async throughMail(kind) {
    const tool = tools.get(this.spec.tool);
    const form = this.page;
    this.page = await this.context.newPage();
    await this.open(`https://mail.acme-corp.example/w/company?s=${this.seed()}&n=0`);
    await this.dwell(8, 40);
    const target = this.url(kind);
    await this.openBeside(tool.confirm ? `https://${tool.confirm}/r/?to=${encodeURIComponent(target)}` : target);
    this.others = [...(this.others || []), form];
  }

  async nextDay() {
    await this.fresh();
    this.note('another day');
    this.gaps.push([now(), this.choose([1, 1, 1, 2, 3]) * 86400 + this.between(-3, 2) * 3600]);
    if (this.chance(0.6)) await this.background();
  }

  // ---- the kinds of story -------------------------------------------------------------------------------------

  async play() {
    const {kind, tool: id} = this.spec;
    const tool = tools.get(id);
    await this.fresh();
    if (this.chance(0.6)) await this.background();
    if (kind === 'visit') {
      await this.search();
      await this.readSite();
      if (this.chance(0.15)) {
        this.note('opened the sign-up form and left');
        await this.open(this.url('signup'));
        await this.dwell(3, 12);
      }
      if (this.chance(0.2)) {
        await this.nextDay();
        await this.readSite();
      }
    } else if (kind === 'embed') {
      const pages = Math.floor(this.between(2, 5));
      for (let i = 0; i < pages; ++i) {
        await this.open(this.outside(this.choose(['news', 'shop', 'blog']), id));
        await this.dwell(8, 50);
      }
    } else if (kind === 'guest') {
      if (this.chance(0.7)) {
        await this.open(`https://mail.acme-corp.example/w/company?s=${this.seed()}&n=0`);
        await this.dwell(5, 30);
      }
      this.note('a link that somebody sent');
      await this.openBeside(this.url('guest'));
      await this.dwell(15, 120);
      if (this.chance(0.4)) {
        await this.open(this.url('guest'));
        await this.dwell(10, 60);
      }
    } else if (kind === 'known') {
      await this.signIn();
    } else if (kind === 'known-slow') {
      await this.signInSlowly();
    } else if (kind.startsWith('signup-')) {
      await this.signUp(kind.slice(7));
    } else if (kind === 'second-day') {
      if (this.chance(0.5)) await this.signUp(tool.google && this.chance(0.5) ? 'google' : 'password');
      else await this.signIn();
      await this.nextDay();
      this.note('back in the product');
      await this.openBeside(this.url('app'));
      await this.work(60, 200);
    } else if (kind === 'integration') {
      const host = tool.api.replace('{tenant}', this.spec.tenant);
      const calls = Math.floor(this.between(3, 7));
      this.note('a script starts');
      const python = this.chance(0.5);
      for (let i = 0; i < calls; ++i) {
        await this.script(host, python);
        await this.gap(this.between(5, 300));
        if (this.chance(0.2)) await this.background();
      }
      if (this.chance(0.4)) {
        await this.nextDay();
        await this.script(host, python);
      }
    } else if (kind === 'pages') {
      // A site is read for a page or more: from the second on, the browser's open connection hides which site it is.
      let site = 0, left = 0;
      for (let i = 0; i < this.spec.loads; ++i) {
        if (left === 0) {
          site = this.spec.first + i;
          left = 1 + Math.floor(this.next() * 5);
        }
        left -= 1;
        await this.open(`https://www.${this.spec.site}-${site}.example/w/${this.spec.site}?s=${this.seed()}&n=22`);
        await this.settle();
        this.loaded = (this.loaded || 0) + 1;
        await this.gap(this.between(4, 60));
        await this.scroll();
        await this.gap(this.between(3, 40));
        if (i % 8 === 7) await this.fresh();
      }
    }
    if (this.chance(0.4) && kind !== 'pages') await this.background();
    this.note('end');
    await this.context.close();
  }

  script(host, python) {
    const code = `import ssl,urllib.request;urllib.request.urlopen("https://${host}/c/v1/items",context=ssl._create_unverified_context()).read()`;
    const command = python ? ['python3', ['-c', code]] : ['curl', ['-sk', '-o', '/dev/null', `https://${host}/c/v1/items`]];
    return new Promise((resolve) => execFile(command[0], command[1], {timeout: 8000}, () => resolve()));
  }
}

let launches = 0;

async function launch(next) {
  launches += 1;
  const http3 = world.http3.filter(() => next() < 0.5);
  const quic = (process.env.LAB_HTTP3 ? process.env.LAB_HTTP3 === 'on' : launches % 2 === 0) ? [`--origin-to-force-quic-on=${http3.map((h) => h + ':443').join(',')}`] : ['--disable-quic'];
  const browser = await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', `--ignore-certificate-errors-spki-list=${world.spki}`, ...quic]});
  return {browser, quic: quic[0] !== '--disable-quic'};
}

// The lab gives way: with LAB_MAX_LOAD it waits between stories while others need the machine.
async function giveWay() {
  const limit = Number(process.env.LAB_MAX_LOAD || 0);
  while (limit > 0 && os.loadavg()[0] > limit) await wait(3000);
}

(async () => {
  const out = fs.openSync(outFile, 'a');
  const next = random('browser' + planFile + plan.length);
  let running = null;
  for (let i = 0; i < plan.length; ++i) {
    const spec = plan[i];
    await giveWay();
    const begin = now();
    if (!running || i % 8 === 0) {
      if (running) await running.browser.close().catch(() => {});
      running = await launch(next);
    }
    const story = new Story(running.browser, spec);
    let failed = null;
    try {
      await story.play();
    } catch (error) {
      failed = String(error).split('\n')[0];
      await running.browser.close().catch(() => {});
      running = null;
    }
    await wait(150);
    fs.writeSync(out, JSON.stringify({...spec, begin, end: now(), gaps: story.gaps, events: story.events, http3: running ? running.quic : null, loaded: story.loaded, failed}) + '\n');
  }
  if (running) await running.browser.close().catch(() => {});
  fs.writeSync(out, JSON.stringify({done: true}) + '\n');
  process.exit(0);
})();
