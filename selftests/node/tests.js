// SPDX-License-Identifier: MIT
// tests.js NAME: one test of the client for Node.js, in a process of its own,
// against $O/selftests/node/server.  `--list` prints the names.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const build = process.env.O;
const fastipc = require(path.resolve(build, 'tools/node'));

const ECHO = 1, FAIL = 2, HOLD = 3, POSTED = 4, COUNTS = 5, TOKENS = 6,
  ENDLESS = 7, ECHOES = 8, BREAKING = 9;

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function number(value) {
  const data = Buffer.alloc(4);

  data.writeUInt32LE(value);
  return data;
}

function filled(size) {
  const data = Buffer.alloc(size);

  for (let i = 0; i < size; i++)
    data[i] = i * 7 + (i >> 8);
  return data;
}

async function startServer(name) {
  const server = spawn(path.resolve(build, 'selftests/node/server'), [name],
    { stdio: ['ignore', 'pipe', 'inherit'] });

  await new Promise((resolve, reject) => {
    server.stdout.once('data', resolve);
    server.once('exit', () => reject(new Error('the server ended')));
  });
  server.stdout.destroy();
  // It ends with this process, which need not wait for it.
  server.unref();
  return server;
}

// A thread that runs goes on for a moment after kill() has returned.
async function stop(server) {
  const tasks = `/proc/${server.pid}/task`;
  const runs = (id) => !/\) [Tt] /.test(
    fs.readFileSync(`${tasks}/${id}/stat`, 'latin1'));

  server.kill('SIGSTOP');
  while (fs.readdirSync(tasks).some(runs))
    await sleep(1);
}

async function counts(client) {
  const reply = await client.call(COUNTS, undefined, { deadlineMs: 60000 });

  return { posted: reply.readUInt32LE(0), held: reply.readUInt32LE(4),
    cancelled: reply.readUInt32LE(8), sent: reply.readUInt32LE(12) };
}

// The server is told of some things after a while.
async function until(client, wanted) {
  for (let i = 0; i < 6000; i++) {
    const found = await counts(client);

    if (wanted(found))
      return found;
    await sleep(10);
  }
  throw new Error('it did not happen');
}

function end(server) {
  const ended = new Promise((resolve) => { server.once('exit', resolve); });

  server.ref();
  server.kill('SIGKILL');
  return ended;
}

const tests = {
  async calls(server, client) {
    for (const size of [0, 1, 100, 16000, 300000, 5000000]) {
      const data = filled(size);

      assert.ok((await client.call(ECHO, data)).equals(data));
      assert.ok(client.callSync(ECHO, data).equals(data));
    }
    assert.equal((await client.call(ECHO)).length, 0);
    assert.equal(String(await client.call(ECHO, new Uint8Array([104, 105]))),
      'hi');
    const many = await Promise.all(Array.from({ length: 1000 }, (_, i) =>
      client.call(ECHO, i % 100 ? number(i) : filled(i * 100))));
    many.forEach((reply, i) => assert.ok(
      reply.equals(i % 100 ? number(i) : filled(i * 100))));
    assert.equal(client.stats().replies, 2 * 6 + 2 + 1000);
    assert.equal(client.stats().peerPid, server.pid);
  },

  async errors(server, client) {
    await assert.rejects(client.call(FAIL), { code: 'EDOM', errno: -33,
      message: /no such token/ });
    await assert.rejects(client.call(99), { code: 'EOPNOTSUPP' });
    assert.throws(() => client.callSync(FAIL), { code: 'EDOM',
      message: /no such token/ });
    assert.throws(() => client.call(0xff00), { code: 'EINVAL' });
    assert.throws(() => client.call('1'), { name: 'TypeError', code: 'EINVAL',
      message: /number/ });
    await assert.rejects(fastipc.connect(), { code: 'EINVAL',
      message: /string/ });
    assert.throws(() => fastipc.loadSchema(), { code: 'EINVAL',
      message: /string/ });
    assert.throws(() => client.call(ECHO, 'text'), { code: 'EINVAL' });
    assert.throws(() => client.call(ECHO, Buffer.alloc(1), { deadlineMs: NaN }),
      { code: 'EINVAL' });
    await assert.rejects(fastipc.connect('nobody'), { code: 'ENOENT',
      message: /nobody/ });
    await assert.rejects(fastipc.connect('nobody', { wait: 'long' }),
      { code: 'EINVAL' });
    await assert.rejects(fastipc.connect('nobody', { wiat: 'spin' }),
      { code: 'EINVAL' });
    await assert.rejects(fastipc.connect('nobody', { ringSize: 5000 }),
      { code: 'EINVAL' });
    const few = await fastipc.connect('tests', { maxCalls: 4 });
    const held = Array.from({ length: 4 }, () => few.call(HOLD));
    await assert.rejects(few.call(HOLD), { code: 'EBUSY' });
    few.close();
    await Promise.all(held.map((one) =>
      assert.rejects(one, { code: 'ECANCELED' })));
  },

  async deadlines(server, client) {
    let ticks = 0;
    const timer = setInterval(() => { ticks++; }, 5);

    await assert.rejects(client.call(HOLD, undefined, { deadlineMs: 200 }),
      { code: 'ETIMEDOUT' });
    assert.ok(ticks > 0);
    clearInterval(timer);
    assert.throws(() => client.callSync(HOLD, undefined, { deadlineMs: 20 }),
      { code: 'ETIMEDOUT' });
    const both = [client.call(HOLD, undefined, { deadlineMs: 3000 }),
      client.call(HOLD, undefined, { deadlineMs: 50 })];
    assert.equal(await Promise.race(both.map((one, i) =>
      one.catch(() => i))), 1);
    await assert.rejects(both[0], { code: 'ETIMEDOUT' });
    assert.equal((await counts(client)).held, 4);
  },

  async abort(server, client) {
    const control = new AbortController();
    const call = client.call(HOLD, undefined, { signal: control.signal });

    setTimeout(() => control.abort('typed on'), 20);
    await assert.rejects(call, { code: 'ECANCELED', cause: 'typed on' });
    await assert.rejects(client.call(ECHO, undefined,
      { signal: control.signal }), { code: 'ECANCELED' });
    const { signal } = new AbortController();
    assert.equal(String(await client.call(ECHO, Buffer.from('a'), { signal })),
      'a');
  },

  async posts(server, client) {
    for (let i = 0; i < 100; i++)
      client.post(POSTED, number(i));
    await until(client, (found) => found.posted === 100);
    await stop(server);
    let sent = 0;
    assert.throws(() => {
      for (;;) {
        client.post(POSTED, filled(1000));
        sent++;
      }
    }, { code: 'EAGAIN' });
    // What is called now waits for room, and this process does not.
    const large = filled(3000000);
    const call = client.call(ECHO, large);
    server.kill('SIGCONT');
    assert.ok((await call).equals(large));
    await until(client, (found) => found.posted === 100 + sent);
  },

  async pings(server, client) {
    assert.ok(await client.ping() > 0);
    await stop(server);
    await assert.rejects(client.ping({ deadlineMs: 100 }),
      { code: 'ETIMEDOUT' });
    server.kill('SIGCONT');
    assert.ok(await client.ping({ deadlineMs: 60000 }) > 0);
  },

  async tokens(server, client) {
    const stream = client.stream(TOKENS, number(5000));
    let i = 0;

    for await (const token of stream)
      assert.equal(String(token), `token${i++} `);
    assert.equal(i, 5000);
    const other = client.stream(TOKENS, number(1));
    assert.equal(String(await other.read()), 'token0 ');
    assert.equal(await other.read(), null);
    assert.equal(String(other.trailers), 'the end');
    other.close();
    // Many at a time, and what is read does not get mixed up.
    await Promise.all(Array.from({ length: 50 }, async (_, n) => {
      let count = 0;

      for await (const token of client.stream(TOKENS, number(n + 1)))
        assert.equal(String(token), `token${count++} `);
      assert.equal(count, n + 1);
    }));
  },

  async backpressure(server, client) {
    let i = 0;

    for await (const message of client.stream(ENDLESS, number(10000))) {
      assert.equal(message.length, 10000);
      if (++i === 3) {
        await sleep(200);
        // 256 KiB of the window, and what the server queues.
        assert.ok((await counts(client)).sent < 50);
        await sleep(100);
        assert.ok((await counts(client)).sent < 50);
      }
      if (i === 200)
        break; // which cancels it
    }
    await until(client, (found) => found.cancelled === 1);
    assert.equal(client.stats().streams, 0);
  },

  async echoes(server, client) {
    const stream = client.stream(ECHOES);
    const written = (async () => {
      for (let i = 0; i < 300; i++)
        await stream.write(filled(i));
    })();

    for (let i = 0; i < 300; i++)
      assert.ok((await stream.read()).equals(filled(i)));
    await written;
    // A writer waits as long as the server does not read.
    await stop(server);
    let done = 0;
    const waiting = (async () => {
      for (let i = 0; i < 60; i++, done++)
        await stream.write(filled(10000));
    })();
    await sleep(200);
    assert.ok(done < 60);
    server.kill('SIGCONT');
    for (let i = 0; i < 60; i++)
      assert.ok((await stream.read()).equals(filled(10000)));
    await waiting;
    // Reads that were asked for at once come in their order.
    const reads = [stream.read(), stream.read()];
    await stream.write(Buffer.from('1'));
    await stream.write(Buffer.from('2'));
    assert.deepEqual((await Promise.all(reads)).map(String), ['1', '2']);
    await stream.finish();
    assert.equal(await stream.read(), null);
    await assert.rejects(stream.write(Buffer.from('3')));
    stream.close();
  },

  async streamErrors(server, client) {
    const stream = client.stream(BREAKING);
    const late = client.stream(HOLD, undefined, { deadlineMs: 50 });
    const early = client.stream(HOLD, undefined, { deadlineMs: 150 }).read();
    const closed = client.stream(ECHOES);

    assert.equal(String((await stream.next()).value), 'first');
    await assert.rejects(stream.next(), { code: 'EDOM',
      message: 'out of tokens' });
    await assert.rejects(stream.read(), { code: 'ECANCELED' });
    await assert.rejects(early, { code: 'ETIMEDOUT' });
    await assert.rejects(late.read(), { code: 'ETIMEDOUT' });
    const read = closed.read();
    await sleep(10);
    closed.close();
    await assert.rejects(read, { code: 'ECANCELED' });
    await assert.rejects(client.stream(99).read(), { code: 'EOPNOTSUPP' });
    assert.throws(() => client.stream(ECHOES, filled(100000)),
      { code: 'EMSGSIZE' });
    await assert.rejects(closed.write('text'));
  },

  async killed(server, client) {
    const pending = [client.call(HOLD), client.call(HOLD, filled(2000000)),
      client.stream(ECHOES).read(), client.ping()];

    await until(client, (found) => found.held === 2);
    await pending.pop();
    await Promise.all([end(server), ...pending.map((one) =>
      assert.rejects(one, { code: 'EPIPE' }))]);
    await assert.rejects(client.call(ECHO), { code: 'EPIPE' });
    assert.throws(() => client.post(POSTED), { code: 'EPIPE' });
    assert.throws(() => client.stream(ECHOES), { code: 'EPIPE' });
    await assert.rejects(client.ping(), { code: 'EPIPE' });
    const other = await startServer('tests');
    const again = await fastipc.connect('tests');
    assert.equal((await again.call(ECHO)).length, 0);
    await end(other);
  },

  async closing(server, client) {
    const pending = [client.call(HOLD), client.stream(ECHOES).read()];

    client.close();
    client.close();
    await Promise.all(pending.map((one) =>
      assert.rejects(one, { code: 'ECANCELED' })));
    assert.throws(() => client.call(ECHO), { code: 'EBADF' });
    assert.throws(() => client.stats(), { code: 'EBADF' });
    // In what follows a reply, that is, in a turn of its own loop.
    const other = await fastipc.connect('tests');
    await other.call(ECHO).then(() => other.close());
    const third = await fastipc.connect('tests');
    await Promise.allSettled(Array.from({ length: 20 }, (_, i) =>
      third.call(ECHO, number(i)).then(() => third.close())));
  },

  // The process ends when nothing is pending, and not before.
  async exits(server, client) {
    client.stream(ECHOES);
    await client.call(ECHO);
    client.call(HOLD, undefined, { deadlineMs: 100 }).catch((error) => {
      assert.equal(error.code, 'ETIMEDOUT');
      process.exitCode = 0;
    });
    process.exitCode = 9;
  },

  async exitsInTheMiddle(server, client) {
    client.stream(ENDLESS, number(100)).read();
    client.stream(ECHOES).read().catch(() => {});
    client.call(HOLD).catch(() => {});
    await client.call(ECHO);
    process.exit(0);
  },

  async workers(server, client) {
    const run = (count) => new Worker(__filename,
      { argv: ['workers'], workerData: count });
    const ended = (worker) => new Promise((resolve, reject) => {
      worker.once('exit', resolve);
      worker.once('error', reject);
    });

    const codes = await Promise.all([run(1000), run(1000)].map(ended));
    assert.deepEqual(codes, [0, 0]);
    // One that is ended while it calls.
    for (let i = 0; i < 5; i++) {
      const worker = run(1e9);

      await new Promise((resolve) => { worker.once('message', resolve); });
      await worker.terminate();
    }
    assert.equal(String(await client.call(ECHO, Buffer.from('here'))), 'here');
  },

  async descriptors(server, client) {
    const open = () => fs.readdirSync('/proc/self/fd').length;
    const maps = () => fs.readFileSync('/proc/self/maps', 'utf8')
      .split('\n').filter((line) => line.includes('memfd:')).length;

    await client.call(ECHO);
    const before = [open(), maps()];
    for (let i = 0; i < 50; i++) {
      const one = await fastipc.connect('tests');

      await one.call(ECHO);
      one.close();
    }
    for (let i = 0; i < 2000 && open() > before[0]; i++)
      await sleep(10);
    assert.deepEqual([open(), maps()], before);
    // Those that nobody refers to any more are closed with their memory.
    await (async () => {
      for (let i = 0; i < 20; i++) {
        const one = await fastipc.connect('tests');

        one.stream(ECHOES);
        await one.call(ECHO);
      }
    })();
    assert.ok(open() > before[0]);
    for (let i = 0; i < 2000 && open() > before[0]; i++) {
      await sleep(10);
      globalThis.gc();
    }
    assert.deepEqual([open(), maps()], before);
  },

  async garbage(server, client) {
    const heap = [];

    for (let i = 0; i < 100; i++) {
      const calls = Array.from({ length: 50 }, (_, n) =>
        client.call(n % 10 ? ECHO : FAIL, filled(n)).catch(() => {}));
      const stream = client.stream(i % 2 ? TOKENS : ENDLESS, number(i));

      stream.read().catch(() => {});
      globalThis.gc();
      await (i % 3 ? Promise.all(calls) : calls[0]);
      stream.read().catch(() => {});
      globalThis.gc();
      heap.push(process.memoryUsage().external);
      if (i % 2 === 0)
        stream.close();
    }
    globalThis.gc();
    assert.ok(heap.at(-1) < heap[0] + 50e6);
  },

  async spinning() {
    const client = await fastipc.connect('tests', { spinUs: 200 });
    let ticks = 0;

    setImmediate(() => { ticks++; });
    for (let i = 0; i < 1000; i++)
      assert.equal((await client.call(ECHO, number(i))).readUInt32LE(), i);
    assert.equal(ticks, 1);
    let i = 0;
    for await (const token of client.stream(TOKENS, number(1000)))
      assert.equal(String(token), `token${i++} `);
    client.close();
  },
};

async function inWorker(count) {
  const { parentPort } = require('node:worker_threads');
  const client = await fastipc.connect('tests');

  client.stream(ENDLESS, number(50)).read().catch(() => {});
  for (let i = 0; i < count; i++) {
    assert.equal((await client.call(ECHO, number(i))).readUInt32LE(), i);
    if (i === 10)
      parentPort.postMessage(i);
  }
}

async function main(name) {
  if (!isMainThread)
    return inWorker(workerData);
  const server = await startServer('tests');
  const client = await fastipc.connect('tests');
  await tests[name](server, client);
}

if (process.argv[2] === '--list')
  console.log(Object.keys(tests).join('\n'));
else
  main(process.argv[2]);
