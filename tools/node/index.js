// SPDX-License-Identifier: MIT
// A fastipc client: see index.d.ts for what each function does.
'use strict';

const native = require('./fastipc.node');
const { Schema } = require('./codec.js');

const CHOICES = {
  wait: ['adaptive', 'spin', 'block', 'sleep'],
  checksum: ['off', 'header', 'full'],
  compression: ['off', 'lz4', 'zstd', 'accept'],
  schemaMatch: ['any', 'wire', 'full'],
};
const NUMBERS = ['ringSize', 'maxMessage', 'maxCalls', 'streamWindow',
  'connectTimeoutMs', 'compressFrom', 'spinUs'];

function fail(code, message) {
  return Object.assign(new Error(message), { code });
}

// As the addon takes them: choices are numbers.
function normalized(options) {
  const result = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) {
      continue;
    } else if (name === 'schema') {
      result.wire = value.wire;
      result.full = value.full;
    } else if (NUMBERS.includes(name)) {
      if (!Number.isInteger(value) || value < 0 || value > 0xffffffff)
        throw fail('EINVAL', `${name} is no number that it could be`);
      result[name] = value;
    } else if (name in CHOICES) {
      result[name] = CHOICES[name].indexOf(value);
      if (result[name] < 0)
        throw fail('EINVAL', `${name} is one of ${CHOICES[name].join(', ')}`);
    } else {
      throw fail('EINVAL', `there is no option ${name}`);
    }
  }
  return result;
}

function aborted(signal) {
  return Object.assign(fail('ECANCELED', 'the call was cancelled'),
    { cause: signal.reason });
}

class Stream {
  #native;
  #client; // lives as long as its streams
  #busy = { read: null, write: null };

  constructor(made, client) {
    this.#native = made;
    this.#client = client;
  }

  // One after the other, as they were asked for.
  async #inTurn(kind, act) {
    const before = this.#busy[kind];
    let end;
    const mine = this.#busy[kind] = new Promise((resolve) => { end = resolve; });
    try {
      if (before)
        await before;
      return await act();
    } finally {
      if (this.#busy[kind] === mine)
        this.#busy[kind] = null;
      end();
    }
  }

  read() {
    return this.#inTurn('read', () => this.#native.read());
  }

  write(data) {
    return this.#inTurn('write', () => this.#native.write(data));
  }

  finish() {
    return this.#inTurn('write', () => this.#native.finish());
  }

  get trailers() {
    return this.#native.trailers();
  }

  close() {
    this.#native.close();
    this.#client = null;
  }

  async next() {
    try {
      const value = await this.read();
      if (value !== null)
        return { value, done: false };
    } catch (error) {
      this.close();
      throw error;
    }
    this.close();
    return { value: undefined, done: true };
  }

  async return(value) {
    this.close();
    return { value, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

class Client {
  #native;

  constructor(made) {
    this.#native = made;
  }

  call(type, data, options) {
    if (options === undefined)
      return this.#native.call(type, data);
    if (options.signal)
      return this.#callUntil(options.signal, type, data, options.deadlineMs);
    return this.#native.call(type, data, options.deadlineMs);
  }

  async #callUntil(signal, type, data, deadlineMs) {
    if (signal.aborted)
      throw aborted(signal);
    const [promise, id] = this.#native.callWithId(type, data, deadlineMs);
    const cancel = () => this.#native.cancel(id);
    signal.addEventListener('abort', cancel);
    try {
      return await promise;
    } catch (error) {
      throw signal.aborted && error.code === 'ECANCELED' ? aborted(signal)
        : error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  callSync(type, data, options) {
    return this.#native.callSync(type, data, options?.deadlineMs);
  }

  post(type, data) {
    this.#native.post(type, data);
  }

  ping(options) {
    return this.#native.ping(options?.deadlineMs);
  }

  stream(type, data, options) {
    return new Stream(this.#native.openStream(type, data, options?.deadlineMs,
      options?.weight ?? 0, options?.urgent ?? false), this);
  }

  stats() {
    return this.#native.stats();
  }

  close() {
    this.#native.close();
  }
}

async function connect(address, options = {}) {
  return new Client(await native.connect(address, normalized(options)));
}

function loadSchema(path, options) {
  return new Schema(native.loadSchema(path, options?.include ?? []));
}

module.exports = { connect, loadSchema, Schema };
