// SPDX-License-Identifier: MIT
// Reads messages: each is checked while it is read, as fastipc_codec(7) says.
'use strict';

const { isUtf8 } = require('node:buffer');
const {
  BOOL, U8, STRING, STRUCT, UNION, VECTOR, REQUIRED, OPTIONAL, DEPRECATED,
  DEPTH, RECORD_SMALL, fail, scalarOf, words,
} = require('./codec_scalars.js');

function refuse(table, why) {
  return fail('EBADMSG', `no message of ${table.name}: ${why}`);
}

let bytes; // of the message, which begins at 0

function word(at, width) {
  switch (width) {
  case 1:
    return bytes[at];
  case 2:
    return bytes[at] | bytes[at + 1] << 8;
  default:
    return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 |
      bytes[at + 3] << 24) >>> 0;
  }
}

// `width` bytes, of which those from `limit` on are 0: into words[].
function load(at, width, limit) {
  if (at + width <= limit) {
    words[0] = word(at, width);
    words[1] = width === 8 ? word(at + 4, 4) : 0;
    return;
  }
  words[0] = words[1] = 0;
  for (let i = 0; at + i < limit; i++)
    words[i >> 2] |= bytes[at + i] << 8 * (i & 3);
}

function readString(table, at, end) {
  const text = bytes.utf8Slice(at, end);

  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(at, end)))
    throw refuse(table, 'a string is not UTF-8');
  return text;
}

// What is behind `limit` is 0.
function readStruct(struct, at, limit) {
  const value = {};

  for (const field of struct.fields) {
    if (field.type === STRUCT) {
      value[field.name] = readStruct(field.struct, at + field.offset, limit);
    } else {
      load(at + field.offset, field.width, limit);
      value[field.name] = scalarOf(field, words[0], words[1]);
    }
  }
  return value;
}

function readVector(table, field, at, end, depth) {
  if (field.type === U8 && !field.enum)
    return bytes.subarray(at, end);
  if (field.type < STRING || field.type === STRUCT) {
    const count = (end - at) / field.width;

    if (!Number.isInteger(count))
      throw refuse(table, `${field.name} has half an element`);
    const list = new Array(count);
    for (let i = 0; i < list.length; i++, at += field.width) {
      if (field.type === STRUCT) {
        list[i] = readStruct(field.struct, at, end);
      } else {
        load(at, field.width, end);
        list[i] = scalarOf(field, words[0], words[1]);
      }
    }
    return list;
  }
  return at === end ? [] : readItems(table, field, at, end, depth);
}

// Strings or tables: a count, where each ends, and they themselves.
function readItems(table, field, at, end, depth) {
  const width = table.large ? 4 : 2;
  const count = end - at < width ? 0 : word(at, width);
  let from = at + count * width;

  if (!count || from > end)
    throw refuse(table, `${field.name} makes no sense`);
  const list = new Array(count);
  for (let i = 0; i < count; i++) {
    const to = i < count - 1 ? at + word(at + (i + 1) * width, width) : end;

    if (to < from || to > end)
      throw refuse(table, `${field.name} makes no sense`);
    list[i] = field.type === STRING ? readString(table, from, to)
      : readRecord(field.table, from, to, depth + 1);
    from = to;
  }
  return list;
}

// A variable field that is there.
function readTail(table, field, at, end, depth) {
  if (field.flags & VECTOR)
    return readVector(table, field, at, end, depth);
  if (field.type === STRING)
    return readString(table, at, end);
  return readRecord(field.table, at, end, depth + 1);
}

function readUnion(table, field, value, type, at, end, depth) {
  const member = field.union[type];

  if (!type) {
    if (at < end)
      throw refuse(table, `${field.name} has bytes and no type`);
    if (field.flags & REQUIRED)
      throw refuse(table, `${field.name} is missing`);
    return;
  }
  value[field.typeName] = member ? member.name : type;
  if (member)
    value[field.name] = readRecord(member.table, at, end, depth + 1);
}

function checkRecord(table, at, end, fixed, count, ends, width) {
  let before = ends + (count > 1 ? (count - 1) * width : 0);

  if (before > end || (!count && before < end))
    throw refuse(table, 'its header and ENDs make no sense');
  for (let i = 0; i + 1 < count; i++) {
    const to = at + word(ends + i * width, width);

    if (to < before || to > end)
      throw refuse(table, 'its header and ENDs make no sense');
    before = to;
  }
}

function readRecord(table, at, end, depth) {
  const width = table.large ? 4 : 2;
  const size = end - at;
  let fixed = at, limit = at, count = 0;

  if (depth > DEPTH)
    throw refuse(table, 'records are too deep in each other');
  if (size && (size < width || (!table.large && size > RECORD_SMALL)))
    throw refuse(table, 'it is too short, or too long');
  if (size) {
    const header = word(at, width);

    fixed = at + width;
    limit = fixed + (table.large ? header & 0xffff : header & 0x3ff);
    count = table.large ? header >>> 16 : header >> 10;
    checkRecord(table, at, end, fixed, count, limit, width);
  }
  const has = (bit) => {
    const byte = fixed + (bit >> 3);

    return byte < limit && (bytes[byte] >> (bit & 7) & 1) !== 0;
  };
  let from = limit + (count > 1 ? (count - 1) * width : 0);
  const value = {};
  for (const field of table.fields) {
    if (field.variable < 0) {
      const read = readFixed(field, fixed, limit, has);

      if (read !== undefined && !(field.flags & DEPRECATED))
        value[field.name] = read;
      continue;
    }
    // Those before it in the record come before it here.
    let to = from;
    if (field.variable < count)
      to = field.variable === count - 1 ? end
        : at + word(limit + field.variable * width, width);
    readVariable(table, field, value, has, fixed, limit, from, to, depth);
    from = to;
  }
  return value;
}

function readFixed(field, fixed, limit, has) {
  if (field.type === STRUCT) {
    return has(field.presence)
      ? readStruct(field.struct, fixed + field.offset, limit) : undefined;
  }
  if (field.flags & OPTIONAL && !has(field.presence))
    return undefined;
  if (field.type === BOOL)
    return has(field.bit) !== field.truth;
  load(fixed + field.offset, field.width, limit);
  return scalarOf(field, words[0] ^ field.low, words[1] ^ field.high);
}

function readVariable(table, field, value, has, fixed, limit, from, to, depth) {
  const into = field.flags & DEPRECATED ? {} : value;

  if (field.type === UNION) {
    const type = fixed + field.offset < limit ? bytes[fixed + field.offset] : 0;

    readUnion(table, field, into, type, from, to, depth);
  } else if (to > from || has(field.presence)) {
    into[field.name] = readTail(table, field, from, to, depth);
  } else if (field.flags & REQUIRED) {
    throw refuse(table, `${field.name} is missing`);
  }
}

// A Buffer as an object.
function decode(table, message) {
  bytes = message;
  try {
    return readRecord(table, 0, bytes.length, 1);
  } finally {
    bytes = null;
  }
}

module.exports = { decode };
