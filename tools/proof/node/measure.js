// SPDX-License-Identifier: MIT
// measure.js WAY COUNT [ADDRESS]: ask for completions, and time it, by
//   ipc-json, ipc-advanced   child_process.fork()
//   net                      net over AF_UNIX, a JSON text on each line
//   fastipc, fastipc-spin, fastipc-sync   the client for Node.js; ADDRESS is
//                            of `editor serve`
// Of the first three the backend is Node.js, too: measure.js WAY serve.
'use strict';

const { fork } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { createHistogram } = require('node:perf_hooks');

const COMPLETE = 1, WARM_UP = 2000;
const message = (name) =>
  JSON.parse(fs.readFileSync(path.join(__dirname, `${name}.json`), 'utf8'));

// Calls `take` with each line of a socket.
function lines(socket, take) {
  let rest = '';

  socket.setEncoding('utf8');
  socket.on('data', (data) => {
    const parts = (rest + data).split('\n');

    rest = parts.pop();
    parts.forEach(take);
  });
}

function serve(way) {
  const answer = message('completions');
  const complete = (request) => {
    answer.id = request.id;
    return answer;
  };

  if (way !== 'net') {
    process.on('message', (request) => process.send(complete(request)));
    process.send('ready');
    return;
  }
  net.createServer((socket) => lines(socket, (line) =>
    socket.write(`${JSON.stringify(complete(JSON.parse(line)))}\n`)))
    .listen(process.env.SOCKET, () => process.send('ready'));
}

// Each is a function that sends a request, and calls `take` with its answer.

async function byIpc(way, take) {
  const child = fork(__filename, [way, 'serve'],
    { serialization: way.slice('ipc-'.length) });

  await new Promise((resolve) => { child.once('message', resolve); });
  child.on('message', take);
  return { send: (request) => child.send(request),
    end: () => child.disconnect() };
}

async function byNet(way, take) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'fastipc-proof-'));
  const SOCKET = path.join(directory, 'socket');
  const child = fork(__filename, [way, 'serve'],
    { env: { ...process.env, SOCKET } });

  await new Promise((resolve) => { child.once('message', resolve); });
  const socket = net.connect(SOCKET);
  await new Promise((resolve) => { socket.once('connect', resolve); });
  lines(socket, (line) => take(JSON.parse(line)));
  return {
    send: (request) => socket.write(`${JSON.stringify(request)}\n`),
    end() {
      socket.destroy();
      child.kill();
      fs.rmSync(directory, { recursive: true });
    },
  };
}

async function byFastipc(way, take) {
  const { connect, loadSchema } =
    require(path.resolve(process.env.O ?? 'build', 'tools/node'));
  const schema = loadSchema(path.join(__dirname, 'editor.fbs'));
  const request = schema.table('Request');
  const completions = schema.table('Completions');
  const client = await connect(process.argv[4],
    { spinUs: way === 'fastipc-spin' ? 100 : 0 });

  return {
    async send(value) {
      take(completions.decode(await client.call(COMPLETE,
        request.encode(value))));
    },
    ask: way === 'fastipc-sync' ? (value) => completions.decode(
      client.callSync(COMPLETE, request.encode(value))) : undefined,
    end: () => client.close(),
  };
}

function check(answer, id) {
  if (answer.id !== id || answer.items.length !== 4 ||
      answer.items[3].label !== 'length')
    throw new Error('a wrong answer came');
}

// One after the other; the times of all but the first.
async function measure(way, count) {
  const histogram = createHistogram({ lowest: 1, highest: 1e10, figures: 3 });
  const open = way === 'net' ? byNet : way.startsWith('ipc') ? byIpc
    : byFastipc;
  const request = message('request');
  let began, done;
  const finished = new Promise((resolve) => { done = resolve; });
  const note = (id) => {
    if (id >= WARM_UP)
      histogram.record(Math.max(1, Number(process.hrtime.bigint() - began)));
    return id + 1 < count + WARM_UP;
  };
  const begin = (id) => {
    request.id = id;
    began = process.hrtime.bigint();
  };
  const other = await open(way, (answer) => {
    const id = request.id;
    const more = note(id);

    check(answer, id);
    if (!more) {
      done();
      return;
    }
    begin(id + 1);
    other.send(request);
  });

  if (other.ask) {
    for (let id = 0, more = true; more; id++) {
      begin(id);
      const answer = other.ask(request);
      more = note(id);
      check(answer, id);
    }
  } else {
    begin(0);
    other.send(request);
    await finished;
  }
  other.end();
  return histogram;
}

async function main(way, count) {
  if (count === 'serve') {
    serve(way);
    return;
  }
  const histogram = await measure(way, Number(count));
  console.log(JSON.stringify({
    count: histogram.count,
    p50_ns: histogram.percentile(50),
    p90_ns: histogram.percentile(90),
    p99_ns: histogram.percentile(99),
    p999_ns: histogram.percentile(99.9),
    max_ns: histogram.max,
  }));
}

main(process.argv[2], process.argv[3]);
