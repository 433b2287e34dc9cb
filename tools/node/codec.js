// SPDX-License-Identifier: MIT
// Messages as plain objects, by the descriptors of a schema.
'use strict';

const { encode } = require('./codec_write.js');
const { decode } = require('./codec_read.js');
const {
  STRING, STRUCT, TABLE, UNION, WIDTH, LARGE, Enum, fail,
} = require('./codec_scalars.js');

// What readers and writers want to know of a field.
function prepare(schema, declared) {
  const field = { ...declared };

  if (field.type < STRING) {
    field.width = WIDTH[field.type];
    field.low = Number(field.defaultBits & 0xffffffffn) | 0;
    field.high = Number(field.defaultBits >> 32n) | 0;
    field.truth = field.defaultBits !== 0n;
    field.enum = field.ref < 0 ? null : schema.enumList[field.ref];
  } else if (field.type === STRUCT) {
    field.struct = schema.structList[field.ref];
    field.width = field.struct.size;
  } else if (field.type === TABLE) {
    field.table = schema.tableList[field.ref];
  } else if (field.type === UNION) {
    field.typeName = `${field.name}_type`;
    field.union = [];
    field.memberNames = new Map();
    for (const described of schema.unionList[field.ref].members) {
      const member = { ...described, table: schema.tableList[described.table] };

      field.union[member.value] = member;
      field.memberNames.set(member.name, member);
    }
  }
  return field;
}

function bufferOf(message) {
  if (Buffer.isBuffer(message))
    return message;
  if (ArrayBuffer.isView(message))
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  throw fail('EINVAL', 'a message is a Buffer or a Uint8Array');
}

class Schema {
  constructor(described) {
    this.wire = described.wire;
    this.full = described.full;
    this.unionList = described.unions;
    this.enumList = described.enums.map((one) => new Enum(one));
    this.structList = described.structs.map((one) => ({ ...one }));
    this.tableList = described.tables.map((one) => ({ ...one,
      large: (one.flags & LARGE) !== 0 }));
    for (const one of [...this.structList, ...this.tableList])
      one.fields = one.fields.map((field) => prepare(this, field));
    this.methods = {};
    for (const service of described.services) {
      for (const method of service.methods) {
        this.methods[`${service.name}.${method.name}`] = {
          type: method.type,
          request: this.tableList[method.request].name,
          response: this.tableList[method.response].name,
        };
      }
    }
  }

  // By its whole name, or by the last part of it.
  #find(list, name) {
    const found = list.filter((one) => one.name === name ||
      one.name.endsWith(`.${name}`));
    const exact = found.find((one) => one.name === name);

    if (exact || found.length === 1)
      return exact ?? found[0];
    throw fail('ENOENT', `the schema has ${found.length} times ${name}`);
  }

  enum(name) {
    return { ...this.#find(this.enumList, name).values };
  }

  table(name) {
    const table = this.#find(this.tableList, name);

    return {
      encode: (value) => encode(table, value),
      decode: (message) => decode(table, bufferOf(message)),
    };
  }
}

module.exports = { Schema };
