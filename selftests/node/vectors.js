// SPDX-License-Identifier: MIT
// The test vectors of the codec, with the schema as codec.js has it.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { loadSchema } = require(path.resolve(process.env.O, 'tools/node'));

const directory = path.resolve(__dirname, '../codec');
const schema = loadSchema(path.join(directory, 'vectors.fbs'));

// Integers of 64 bits, and numbers that JSON does not have.
function parse(text) {
  const quoted = text.replace(/([:,[])(-?\d{16,})/g, '$1"$2"');

  return JSON.parse(quoted, (key, value) =>
    (/^(NaN|-?Infinity)$/.test(value) ? Number(value) : value));
}

function tryVector(kind, name, hex, rest) {
  const table = schema.table(name);
  const data = Buffer.from(hex === '-' ? '' : hex, 'hex');

  if (kind === 'refused') {
    assert.throws(() => table.decode(data), { code: 'EBADMSG' });
    return;
  }
  const written = table.encode(parse(rest));
  if (kind === 'same')
    assert.equal(written.toString('hex'), data.toString('hex'));
  else
    assert.notEqual(written.toString('hex'), data.toString('hex'));
  const value = table.decode(data);
  assert.deepStrictEqual(value, table.decode(written));
  assert.equal(table.encode(value).toString('hex'), written.toString('hex'));
  // What was cut off, or has one byte changed, is read or refused.
  for (let i = 0; i < data.length; i++) {
    const changed = Buffer.from(data);

    changed[i] ^= 0x41;
    for (const bytes of [data.subarray(0, i), changed]) {
      try {
        table.decode(bytes);
      } catch (error) {
        assert.equal(error.code, 'EBADMSG', error.stack);
      }
    }
  }
}

let tried = 0;
for (const line of fs.readFileSync(path.join(directory, 'vectors.txt'), 'utf8')
  .split('\n')) {
  const [, kind, name, hex, rest] =
    /^(same|reads|refused) (\S+) (\S+) (.*)$/.exec(line) ?? [];

  // JavaScript has but one NaN.
  if (!kind || rest.includes('NaN:'))
    continue;
  try {
    tryVector(kind, name, hex, rest);
  } catch (error) {
    error.message = `${line}: ${error.message}`;
    throw error;
  }
  tried++;
}
assert.ok(tried > 200, `${tried} vectors`);

// What does not fit is refused, and nothing is cut off.
const scalars = schema.table('vectors.Scalars');
for (const wrong of [{ u8: 256 }, { u8: -1 }, { u8: 1.5 }, { i16: 40000 },
  { u64: -1n }, { i64: 1n << 63n }, { kind: 'Nothing' }, { u8: '1' }])
  assert.throws(() => scalars.encode(wrong), { code: 'EINVAL' });
assert.throws(() => schema.table('Required').encode({}), { code: 'EINVAL' });
assert.throws(() => schema.table('Strings').encode({ name: 7 }),
  { code: 'EINVAL' });
assert.throws(() => schema.table('Strings')
  .encode({ name: 'x'.repeat(65536) }), { code: 'EOVERFLOW' });
assert.throws(() => schema.table('None'), { code: 'ENOENT' });
assert.throws(() => scalars.decode('text'), { code: 'EINVAL' });
assert.deepEqual(schema.enum('Kind'), { Text: 1, Method: 2, Snippet: 200 });
const text = 'grüße, 世界, 🙂 and a tail that is long';
for (let i = 0; i < text.length; i++) {
  const name = text.slice(0, i);
  const { name: read } = schema.table('Strings')
    .decode(schema.table('Strings').encode({ name }));

  assert.equal(read, name.toWellFormed ? name.toWellFormed() : read);
}
let deep = {};
for (let i = 1; i < 64; i++)
  deep = { next: deep };
const node = schema.table('Node');
assert.deepEqual(node.decode(node.encode(deep)).next.value, 0);
assert.throws(() => node.encode({ next: deep }), { code: 'ELOOP' });

const service = loadSchema(path.join(directory, 'service.fbs'));
assert.ok(Object.values(service.methods).every(({ type, request }) =>
  type >= 0 && service.table(request)));
assert.notEqual(service.wire, schema.wire);
assert.throws(() => loadSchema(path.join(directory, 'none.fbs')),
  { code: 'ENOENT' });
assert.throws(() => loadSchema(__filename), { code: 'EINVAL',
  message: /vectors\.js:\d+:\d+: error:/ });
