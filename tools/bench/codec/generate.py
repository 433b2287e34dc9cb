#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write what `fastipc bench codec` measures of a schema, for each format.

    tools/bench/codec/generate.py SCHEMA.fbs DIRECTORY

Of NAME.fbs come NAME.proto and NAME.capnp, with the same tables, and for each
format a source with an encoder (of the structs that fastipc-gen makes) and a
decoder that reads every field into a sum.  The sums are equal if the data are:
each value counts times a number of its field's, each element one more.

The schemas are few and known: what is not in them, this does not know.
"""
import sys

from formats.capnp import write_capnp, write_capnp_schema
from formats.fastipc import write_fastipc
from formats.flatbuffers import write_flatbuffers
from formats.load import write_load
from formats.msgpack import write_msgpack
from formats.output import Output
from formats.protobuf import write_proto_schema, write_protobuf
from formats.schema import Schema
from formats.text import write_json, write_simdjson, write_yyjson

WRITERS = {
    "{}.proto": write_proto_schema,
    "{}.capnp": write_capnp_schema,
    "{}_load.cc": write_load,
    "{}_fastipc.c": write_fastipc,
    "{}_writer.cc": write_json,
    "{}_yyjson.cc": write_yyjson,
    "{}_simdjson.cc": write_simdjson,
    "{}_flatbuffers.cc": write_flatbuffers,
    "{}_capnp.cc": write_capnp,
    "{}_protobuf.cc": write_protobuf,
    "{}_msgpack.cc": write_msgpack,
}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    schema = Schema(sys.argv[1])
    for name, write in WRITERS.items():
        write(schema, Output(f"{sys.argv[2]}/{name.format(schema.name)}"))


if __name__ == "__main__":
    main()
