// SPDX-License-Identifier: MIT
// Writes messages: of each value the one that fastipc_codec(7) describes.
'use strict';

const {
  BOOL, U8, STRING, STRUCT, TABLE, UNION, VECTOR, REQUIRED, DEPRECATED, DEPTH,
  RECORD_SMALL, bitsOf, fail, words,
} = require('./codec_scalars.js');

// Kept from message to message, if none was very long.
const KEPT = 1 << 20;
let out = Buffer.allocUnsafeSlow(16384);

function reserve(at, size) {
  if (at + size <= out.length)
    return;
  const more = Buffer.allocUnsafeSlow(Math.max(2 * out.length, at + size));

  out.copy(more, 0, 0, at);
  out = more;
}

function store(at, width, low, high) {
  out[at] = low;
  if (width === 1)
    return;
  out[at + 1] = low >> 8;
  if (width === 2)
    return;
  out[at + 2] = low >> 16;
  out[at + 3] = low >> 24;
  if (width === 8)
    store(at + 4, 4, high, 0);
}

// All of these return where what they wrote ends.

function writeString(field, text, at) {
  if (typeof text !== 'string')
    throw fail('EINVAL', `${field.name} is no string`);
  reserve(at, 3 * text.length);
  if (text.length > 24)
    return at + out.utf8Write(text, at);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);

    if (code > 127)
      return at + out.utf8Write(text, at);
    out[at + i] = code;
  }
  return at + text.length;
}

function writeStruct(struct, value, at) {
  for (const field of struct.fields) {
    const one = value[field.name];

    if (field.type === STRUCT) {
      writeStruct(field.struct, one ?? {}, at + field.offset);
    } else {
      bitsOf(field, one ?? 0);
      store(at + field.offset, field.width, words[0], words[1]);
    }
  }
}

function writeVector(table, field, list, at, depth) {
  if (!Array.isArray(list) && !ArrayBuffer.isView(list))
    throw fail('EINVAL', `${field.name} is no array`);
  if (field.type === STRING || field.type === TABLE)
    return writeItems(table, field, list, at, depth);
  reserve(at, list.length * field.width);
  if (field.type === U8 && list instanceof Uint8Array) {
    out.set(list, at);
    return at + list.length;
  }
  for (const one of list) {
    if (field.type === STRUCT) {
      writeStruct(field.struct, one, at);
    } else {
      bitsOf(field, one);
      store(at, field.width, words[0], words[1]);
    }
    at += field.width;
  }
  return at;
}

function writeItems(table, field, list, at, depth) {
  const width = table.large ? 4 : 2;
  let to = at + list.length * width;

  if (!list.length)
    return at;
  if (!table.large && list.length > RECORD_SMALL)
    throw fail('EOVERFLOW', `${field.name} has too many elements`);
  reserve(at, list.length * width);
  store(at, width, list.length, 0);
  for (let i = 0; i < list.length; i++) {
    if (i)
      store(at + i * width, width, to - at, 0);
    to = field.type === STRING ? writeString(field, list[i], to)
      : writeRecord(field.table, list[i], to, depth + 1);
  }
  return to;
}

function writeUnion(field, value, fixed, at, depth) {
  const type = value[field.typeName];
  const member = typeof type === 'number' ? field.union[type]
    : field.memberNames.get(type);

  if (type === undefined || type === null || type === 0 || type === 'NONE') {
    if (field.flags & REQUIRED)
      throw fail('EINVAL', `${field.name} is missing`);
    return at;
  }
  if (!member)
    throw fail('EINVAL', `${field.typeName} cannot be ${type}`);
  out[fixed + field.offset] = member.value;
  return writeRecord(member.table, value[field.name] ?? {}, at, depth + 1);
}

function writeTail(table, field, value, fixed, at, depth) {
  const one = value[field.name];
  let to;

  if (field.type === UNION)
    return writeUnion(field, value, fixed, at, depth);
  if (one === undefined || one === null) {
    if (field.flags & REQUIRED)
      throw fail('EINVAL', `${table.name}.${field.name} is missing`);
    return at;
  }
  if (field.flags & VECTOR)
    to = writeVector(table, field, one, at, depth);
  else if (field.type === STRING)
    to = writeString(field, one, at);
  else
    to = writeRecord(field.table, one, at, depth + 1);
  if (to === at)
    out[fixed + (field.presence >> 3)] |= 1 << (field.presence & 7);
  return to;
}

function writeFixed(field, one, fixed) {
  if (one === undefined || one === null)
    return;
  if (field.presence >= 0)
    out[fixed + (field.presence >> 3)] |= 1 << (field.presence & 7);
  if (field.type === STRUCT) {
    writeStruct(field.struct, one, fixed + field.offset);
  } else if (field.type === BOOL) {
    if (Boolean(one) !== field.truth)
      out[fixed + (field.bit >> 3)] |= 1 << (field.bit & 7);
  } else {
    bitsOf(field, one);
    store(fixed + field.offset, field.width, words[0] ^ field.low,
      words[1] ^ field.high);
  }
}

// The tails are written behind the largest head that the record can have, and
// moved when it is known how much of it there is.
function writeRecord(table, value, at, depth) {
  const width = table.large ? 4 : 2;
  const fixed = at + width;
  const behind = fixed + table.fixedSize + width * table.variables;
  const ends = table.variables ? new Array(table.variables).fill(behind) : [];
  let to = behind, count = 0;

  if (depth > DEPTH)
    throw fail('ELOOP', 'records are too deep in each other');
  if (typeof value !== 'object' || value === null)
    throw fail('EINVAL', `a ${table.name} is an object`);
  reserve(at, behind - at);
  out.fill(0, fixed, fixed + table.fixedSize);
  for (const field of table.fields) {
    if (field.flags & DEPRECATED) {
      if (field.variable >= 0)
        ends[field.variable] = to;
      continue;
    }
    if (field.variable < 0) {
      writeFixed(field, value[field.name], fixed);
      continue;
    }
    const before = to;
    to = writeTail(table, field, value, fixed, before, depth);
    ends[field.variable] = to;
    if (to > before)
      count = field.variable + 1;
  }
  return closeRecord(table, at, fixed, behind, to, ends, count);
}

function closeRecord(table, at, fixed, behind, to, ends, count) {
  const width = fixed - at;
  let size = table.fixedSize;

  while (size && !out[fixed + size - 1])
    size--;
  if (!size && !count)
    return at;
  const table0 = fixed + size;
  const tails = table0 + (count > 1 ? (count - 1) * width : 0);
  const shift = behind - tails;
  if (count && shift)
    out.copyWithin(tails, behind, to);
  const end = count ? to - shift : tails;
  if (!table.large && end - at > RECORD_SMALL)
    throw fail('EOVERFLOW', `a ${table.name} has ${RECORD_SMALL} bytes at most`);
  store(at, width, table.large ? size | count << 16 : size | count << 10, 0);
  for (let i = 0; i + 1 < count; i++)
    store(table0 + i * width, width, ends[i] - shift - at, 0);
  return end;
}

// An object as a Buffer of its own.
function encode(table, value) {
  const size = writeRecord(table, value, 0, 1);
  const message = Buffer.from(out.subarray(0, size));

  if (out.length > KEPT)
    out = Buffer.allocUnsafeSlow(KEPT);
  return message;
}

module.exports = { encode };
