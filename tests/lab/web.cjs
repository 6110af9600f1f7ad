// The web of the lab: one TLS server (HTTP/2, HTTP/1.1, websockets) for every host of the world, and the same pages in
// the clear on 127.0.0.1:8080 for the server that adds HTTP/3. Certificates come from prepare.py.
//
//   node web.cjs world.json control.sock
//
// Paths say what to play: /p/<tool>/<kind>?s=<seed>&t=<tenant> is a page of a product, /w/<kind>/<n> a news or shop page.
// Paths never show in traffic, so this changes nothing that Gnomon could see.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const net = require('net');
const tls = require('tls');

const world = JSON.parse(fs.readFileSync(process.argv[2]));
const tools = new Map(world.tools.map((tool) => [tool.id, tool]));
const key = fs.readFileSync(world.key);

// A small generator of numbers that a seed determines.
function random(seed) {
  let state = crypto.createHash('sha256').update(seed).digest().readUInt32LE(0) || 1;
  return () => {
    state ^= state << 13; state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5; state >>>= 0;
    return state / 4294967296;
  };
}
function pick(list, count, next) {
  const rest = [...list];
  const chosen = [];
  while (chosen.length < count && rest.length > 0) {
    chosen.push(rest.splice(Math.floor(next() * rest.length), 1)[0]);
  }
  return chosen;
}

// own(tool): all hosts of a tool, so that its own pages do not also carry it as a third party.
const ownDomains = (tool) => new Set([tool.site, tool.app].map((h) => h.split('.').slice(-2).join('.')));
const notOwn = (tool, list) => {
  const domains = ownDomains(tool);
  return list.filter((h) => !domains.has(h.replace('frame:', '').split('.').slice(-2).join('.')));
};

// framed: what a product's page in a frame loads of its own, by the frame's host.
const framed = new Map();
for (const tool of world.tools) {
  for (const entry of tool.embed || []) {
    if (entry.startsWith('frame:')) framed.set(entry.slice(6), (tool.guest_loads || tool.app_loads || []).filter((h) => !h.includes('{')));
  }
}

// parts of a page: files (loaded while parsing), calls (fetched by script), frames, sockets, hints, late (after a while).
function productPage(tool, kind, seed, tenant) {
  const next = random(`${tool.id}/${kind}`);  // what a page carries belongs to the page ...
  const vary = random(seed);                  // ... when and how belongs to the visit
  const fill = (list) => (list || []).map((h) => h.replace('{tenant}', tenant));
  const third = world.third_parties;
  const page = {title: `${tool.id} ${kind}`, files: [], calls: [], frames: [], sockets: [], hints: [], late: []};
  if (kind === 'site' || kind === 'docs') {
    page.files = fill(tool.loads);
    page.tags = pick(notOwn(tool, third.tags.slice(0, 95)), kind === 'site' ? 6 + Math.floor(next() * 10) : 3, next);
    page.hints = fill(tool.hints);
    if (tool.onetap && next() < 0.6) page.files.push('accounts.google.com');
    if (next() < 0.5) page.late = pick(notOwn(tool, third.chats), 2, next);
    if (kind === 'site' && next() < 0.3) page.frames = ['www.youtube.com'];
    // Some public pages ask the product's back end whether somebody is signed in, and show "Go to app".
    if (next() < 0.3) page.calls = fill(tool.calls).slice(0, 1);
  } else if (kind === 'signup' || kind === 'login') {
    page.files = fill(tool.auth_loads);
    page.tags = pick(notOwn(tool, third.product), 2, next);
    if (kind === 'signup' && tool.captcha) page.files.push(tool.captcha);
    if (kind === 'login' && tool.captcha && next() < 0.35) page.files.push(tool.captcha);
    if (tool.google && next() < 0.5) page.files.push('accounts.google.com');
  } else if (kind === 'app') {
    page.files = fill(tool.app_loads);
    page.tags = pick(notOwn(tool, third.product), 3 + Math.floor(next() * 5), next);
    page.calls = fill(tool.calls);
    if (tool.socket) page.sockets = fill([tool.socket]);
  } else if (kind === 'guest') {
    page.files = fill(tool.guest_loads);
    page.tags = pick(notOwn(tool, third.product), 2, next);
    if (vary() < 0.3 && tool.socket && tool.guest === tool.app) page.sockets = fill([tool.socket]);
  }
  return page;
}

// outsidePage is a news, shop or company page: `count` third parties, of which some come late or in frames.
function outsidePage(kind, seed, count, must, tenant) {
  const next = random(seed);
  const third = world.third_parties;
  const page = {title: kind, files: [], tags: [], calls: [], frames: [], sockets: [], hints: [], late: [], scroll: []};
  const wanted = must ? (tools.get(must).embed || []).map((h) => h.replace('{tenant}', tenant)) : [];
  const frames = pick(third.frames, next() < 0.6 ? 1 + Math.floor(next() * 2) : 0, next);
  const chats = next() < 0.4 ? pick(third.chats, 2, next) : [];
  const rest = pick(third.tags, Math.max(0, count - frames.length - chats.length - wanted.length), next);
  const all = [...wanted, ...rest];
  for (const entry of [...all, ...frames]) {
    const host = entry.replace('frame:', '');
    const lazy = next() < (entry.startsWith('frame:') ? 0.25 : 0.08);
    if (entry.startsWith('frame:') && next() < 0.15) page.scroll.push(host);  // loads when the reader comes to it
    else if (lazy) page.late.push(entry);
    else if (entry.startsWith('frame:')) page.frames.push(host);
    else page.tags.push(host);
  }
  page.late.push(...chats);
  page.hints = pick(third.tags, 2, next);
  return page;
}

function html(page, seed) {
  const next = random('when' + seed);
  const parts = [`<!doctype html><html><head><title>${page.title}</title>`, '<link rel="icon" href="data:,">'];
  for (const host of page.hints) parts.push(`<link rel="preconnect" href="https://${host}/"><link rel="dns-prefetch" href="//${host}">`);
  page.files.forEach((host, i) => {
    const path = `/f/${i}-${page.title.replace(/\W/g, '')}`;
    parts.push(i % 3 === 0 ? `<link rel="stylesheet" href="https://${host}${path}.css">`
      : `<script ${i % 2 ? 'async' : ''} src="https://${host}${path}.js"></script>`);
  });
  const tags = page.tags || [];
  // The tag manager loads the others, where the page has one.
  const manager = tags.includes('www.googletagmanager.com');
  if (manager) parts.push('<script async src="https://www.googletagmanager.com/f/gtm.js"></script>');
  parts.push('</head><body><h1>' + page.title + '</h1>');
  for (const host of page.frames) parts.push(`<iframe src="https://${host}/x/frame.html" width=300 height=200></iframe>`);
  const direct = [], beacons = [];
  for (const host of tags) {
    if (host === 'www.googletagmanager.com') continue;
    (next() < 0.35 ? beacons : direct).push(host);
  }
  const late = page.late.map((entry) => [entry, 300 + Math.floor(next() * 2300)]);
  parts.push(`<script>
window.__busy = 1;
const done = () => { window.__busy -= 1; };
const script = (h) => { window.__busy += 1; const s = document.createElement('script'); s.async = true; s.src = 'https://' + h + '/f/t.js'; s.onload = s.onerror = done; document.head.append(s); };
const image = (h) => { window.__busy += 1; const i = new Image(); i.onload = i.onerror = done; i.src = 'https://' + h + '/c/b.gif?' + Math.random(); };
const frame = (h) => { window.__busy += 1; const f = document.createElement('iframe'); f.onload = f.onerror = done; f.src = 'https://' + h + '/x/frame.html'; document.body.append(f); };
const call = (h) => { window.__busy += 1; fetch('https://' + h + '/c/api?' + Math.random(), {mode: 'no-cors'}).then(done, done); };
const socket = (h) => { try { const w = new WebSocket('wss://' + h + '/s'); (window.__sockets ||= []).push(w); } catch {} };
const calls = ${JSON.stringify(page.calls)}, beacons = ${JSON.stringify(beacons)}, late = ${JSON.stringify(late)};
window.labPoll = () => calls.concat(calls.length ? [] : [location.host]).forEach(call);
const scrolled = ${JSON.stringify(page.scroll || [])};
window.labScroll = () => { const n = scrolled.length; scrolled.splice(0).forEach(frame); return n; };
window.labPing = (n) => { if (beacons.length) image(beacons[n % beacons.length]); };
${manager ? 'setTimeout(() => {' : ''}
${JSON.stringify(direct)}.forEach(script);
${manager ? '}, 60);' : ''}
window.addEventListener('load', () => {
  beacons.forEach(image); calls.forEach(call); ${JSON.stringify(page.sockets)}.forEach(socket);
  for (const [entry, wait] of late) { window.__busy += 1; setTimeout(() => { entry.startsWith('frame:') ? frame(entry.slice(6)) : script(entry); done(); }, wait); }
  done();
});
</script></body></html>`);
  return parts.join('\n');
}

function respond(request, response) {
  const host = (request.headers[':authority'] || request.headers.host || '').toLowerCase();
  const url = new URL(request.url, 'https://' + (host || 'none.example'));
  const query = url.searchParams;
  const send = (status, type, body, extra = {}) => {
    response.writeHead(status, {'content-type': type, 'access-control-allow-origin': '*',
      'cache-control': type === 'text/html' ? 'no-store' : 'max-age=3600', ...extra});
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const [, area, a, b] = url.pathname.split('/');
  const seed = query.get('s') || '';
  if (area === 'p') {
    const tool = tools.get(a);
    return send(200, 'text/html', html(productPage(tool, b, seed, query.get('t') || 'acme'), seed));
  }
  if (area === 'w') {
    const page = outsidePage(a, seed, Number(query.get('n') || 22), query.get('m'), query.get('t') || 'acme');
    // Mail programs in the browser show messages cleaned of frames and scripts, search pages show links: neither
    // carries frames or widgets of others.
    if (host.startsWith('mail.') || a === 'search') Object.assign(page, {frames: [], late: [], scroll: [], hints: []});
    return send(200, 'text/html', html(page, seed));
  }
  if (area === 'i') {  // a page of an identity provider
    const provider = world.identity[a];
    return send(200, 'text/html', html({title: a, files: provider.loads, tags: [], calls: provider.calls, frames: [], sockets: [], hints: [], late: []}, seed));
  }
  if (area === 'r') {  // a redirect, as click trackers make it
    return send(302, 'text/plain', '', {location: query.get('to'), 'cache-control': 'no-store'});
  }
  if (area === 'x') {
    const files = (framed.get(host) || []).map((h) => `<script async src="https://${h}/f/framed.js"></script>`).join('');
    return send(200, 'text/html', `<!doctype html><title>frame</title>${files}<img src="/c/in-frame.gif">`);
  }
  if (url.pathname.endsWith('.css')) return send(200, 'text/css', '/* */');
  if (url.pathname.endsWith('.js')) return send(200, 'text/javascript', '/* */');
  if (url.pathname.endsWith('.gif')) return send(200, 'image/gif', Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAA=', 'base64'), {'cache-control': 'no-store'});
  return send(200, 'application/json', '{}', {'cache-control': 'no-store'});
}

function upgrade(request, socket) {
  const accept = crypto.createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.labSocket = true;
  socket.on('error', () => {});
  socket.on('data', (data) => { if ((data[0] & 15) === 8) socket.end(Buffer.from([0x88, 0])); });
}

const contexts = new Map();
function contextOf(host) {
  const labels = (host || 'none.example').toLowerCase().split('.');
  const file = world.certs[labels.slice(-3).join('.')] || world.certs[labels.slice(-2).join('.')] || world.certs.example;
  if (!contexts.has(file)) contexts.set(file, tls.createSecureContext({key, cert: fs.readFileSync(file)}));
  return contexts.get(file);
}

const secure = http2.createSecureServer({allowHTTP1: true, SNICallback: (host, done) => done(null, contextOf(host)),
  key, cert: fs.readFileSync(world.certs.example)}, respond);
secure.on('upgrade', upgrade);
secure.on('sessionError', () => {});
secure.on('tlsClientError', () => {});
secure.setTimeout(0);
const connections = new Set();
secure.on('secureConnection', (socket) => {
  connections.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => connections.delete(socket));
});
const plain = http.createServer(respond);
plain.on('upgrade', upgrade);
plain.listen(8080, '127.0.0.1');

// One listener shares its handler: the same server object takes the connections of every address.
let open = 0;
const addresses = [...world.web4, ...world.web6];
for (const address of addresses) {
  const listener = net.createServer((socket) => secure.emit('connection', socket));
  listener.listen({host: address, port: 443}, () => { if (++open === addresses.length) console.log('ready'); });
}

// "idle ADDRESS" closes what a browser at ADDRESS left idle, as servers do after a minute or two.
net.createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (data) => {
    for (const line of data.toString().split('\n')) {
      const [word, address] = line.trim().split(' ');
      if (word !== 'idle') continue;
      for (const connection of connections) {
        const peer = (connection.remoteAddress || '').replace('::ffff:', '');
        if (!connection.labSocket && (peer === address.split(',')[0] || peer === address.split(',')[1])) connection.destroy();
      }
      socket.write('ok\n');
    }
  });
}).listen(process.argv[3]);
