// SPDX-License-Identifier: MIT
// What codec_read.js and codec_write.js share: the numbers of
// <fastipc/schema.h>, and scalars as bits.
'use strict';

// enum fastipc_type
const BOOL = 0, U8 = 2, I64 = 7, U64 = 8, F32 = 9, F64 = 10, STRING = 11,
  STRUCT = 12, TABLE = 13, UNION = 14;
const WIDTH = [1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8];
const LEAST = [0, -128, 0, -32768, 0, -2147483648, 0];
const MOST = [1, 127, 255, 32767, 65535, 2147483647, 4294967295];

const VECTOR = 1, REQUIRED = 2, OPTIONAL = 4, DEPRECATED = 8; // of fields
const LARGE = 1, FLAGS = 1; // of tables, of enums
const DEPTH = 64, RECORD_SMALL = 65535;

// The bits of a scalar are two words, low and high: here, where it matters.
const float = new Float64Array(1);
const single = new Float32Array(float.buffer);
const words = new Uint32Array(float.buffer);

function fail(code, message) {
  return Object.assign(new Error(message), { code });
}

function valueOf(type, low, high) {
  switch (type) {
  case BOOL:
    return low !== 0;
  case 1:
    return low << 24 >> 24;
  case 3:
    return low << 16 >> 16;
  case 5:
    return low | 0;
  case F32:
    words[0] = low;
    return single[0];
  case F64:
    words[0] = low;
    words[1] = high;
    return float[0];
  case I64:
    return BigInt.asIntN(64, BigInt(high >>> 0) << 32n | BigInt(low >>> 0));
  case U64:
    return BigInt(high >>> 0) << 32n | BigInt(low >>> 0);
  default:
    return low >>> 0;
  }
}

// Into words[].
function bitsOf(field, value) {
  const type = field.type;

  if (field.enum && typeof value === 'string')
    value = field.enum.bits(value);
  if (type === BOOL) {
    words[0] = value ? 1 : 0;
  } else if (type === F32) {
    single[0] = value;
  } else if (type === F64) {
    float[0] = value;
  } else if (type === I64 || type === U64) {
    const big = BigInt(value);
    const bits = BigInt.asUintN(64, big);

    if ((type === I64 ? BigInt.asIntN(64, bits) : bits) !== big)
      throw fail('EINVAL', `${field.name}: ${value} does not fit`);
    words[0] = Number(bits & 0xffffffffn);
    words[1] = Number(bits >> 32n);
  } else {
    if (!Number.isInteger(value) || value < LEAST[type] || value > MOST[type])
      throw fail('EINVAL', `${field.name}: ${value} does not fit`);
    words[0] = value;
  }
}

// Names where there are some; sets of bits stay numbers.
class Enum {
  constructor(described) {
    this.name = described.name;
    this.flags = (described.flags & FLAGS) !== 0;
    this.values = {};
    this.names = new Map();
    for (const { name, bits } of described.values) {
      const value = valueOf(described.type, Number(bits & 0xffffffffn),
        Number(bits >> 32n));

      this.values[name] = value;
      this.names.set(value, name);
    }
  }

  nameOf(value) {
    return this.flags ? value : this.names.get(value) ?? value;
  }

  // Of a name, or of several of a set.
  bits(text) {
    let all;

    for (const name of this.flags ? text.split(' ') : [text]) {
      if (!Object.hasOwn(this.values, name))
        throw fail('EINVAL', `${this.name} has no value ${name}`);
      all = all === undefined ? this.values[name] : all | this.values[name];
    }
    return all;
  }
}

function scalarOf(field, low, high) {
  const value = valueOf(field.type, low, high);

  return field.enum ? field.enum.nameOf(value) : value;
}

module.exports = {
  BOOL, U8, STRING, STRUCT, TABLE, UNION, WIDTH,
  VECTOR, REQUIRED, OPTIONAL, DEPRECATED, LARGE, DEPTH, RECORD_SMALL,
  Enum, bitsOf, fail, scalarOf, words,
};
