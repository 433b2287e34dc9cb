# SPDX-License-Identifier: MIT
"""Protocol buffers, by protobuf-c."""
from formats.output import HEAD, value_sum, write_ops
from formats.schema import SCALARS, lower, upper


def write_proto_schema(schema, out):
    out("// Made by tools/bench/codec/generate.py.", 'syntax = "proto2";',
        f"package {schema.namespace};")
    for name, values in schema.enums.items():
        out(f"enum {name} {{", *(
            f"  {lower(name).upper()}_{value.upper()} = {number};"
            for value, number in values.items()), "}")
    for name, fields in schema.structs.items():
        out(f"message {name} {{", *(
            f"  required {SCALARS[f.type][2] if f.what == 'scalar' else f.type} "
            f"{f.name} = {i + 1};" for i, f in enumerate(fields)), "}")
    for name, fields in schema.tables.items():
        out(f"message {name} {{")
        for i, f in enumerate(fields):
            type_ = SCALARS[f.type][2] if f.what == "scalar" else f.type
            default = ""
            if f.default:
                default = f.default
                if f.what == "enum":
                    default = f"{lower(f.type).upper()}_{f.default.upper()}"
                default = f" [default = {default}]"
            out(f"  {'repeated' if f.vector else 'optional'} {type_} {f.name} = "
                f"{i + 1}{default};")
        out("}")


def write_protobuf(schema, out):
    ns = schema.namespace
    big = upper(ns)

    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        f'#include "{schema.name}.pb-c.h"', "")
    types = [*schema.structs, *schema.tables]
    for name in types:
        out(f"static {big}__{name} *make_{name}(const struct {ns}_{name} *value);",
            f"static uint64_t sum_{name}(const {big}__{name} *from);")
    for name in types:
        in_struct = name in schema.structs
        fields = schema.structs.get(name) or schema.tables[name]
        out(f"static {big}__{name} *make_{name}(const struct {ns}_{name} *value)",
            "{", f"\t{big}__{name} *to = ({big}__{name} *)malloc(sizeof(*to));",
            "", f"\t{ns}__{lower(name)}__init(to);")
        for f in fields:
            out(*("\t" + line for line in protobuf_make(schema, f, in_struct)))
        out("\treturn to;", "}",
            f"static uint64_t sum_{name}(const {big}__{name} *from)", "{",
            "\tuint64_t sum = 0;", "")
        for f in fields:
            out(*("\t" + line for line in protobuf_sum(schema, f, in_struct)))
        out("\treturn sum;", "}")
    write_ops(
        schema, out, "protobuf", 'extern "C" ',
        lambda table: [
            "\treturn { codec_out, protobuf_c_message_pack("
            "(const ProtobufCMessage *)value, codec_out) };"],
        lambda table: [
            "\tProtobufCAllocator pool = { codec_pool_alloc, codec_pool_free, "
            "NULL };", "",
            "\tcodec_pool_used = 0;",
            f"\tconst {big}__{table} *from = "
            f"{ns}__{lower(table)}__unpack(&pool, size, data);",
            "\tif (!from)", "\t\treturn false;",
            f"\t*sum = sum_{table}(from);", "\treturn true;"],
        prepare=lambda table: [
            f"\treturn make_{table}((const struct {ns}_{table} *)value);"])


def protobuf_make(schema, f, in_struct):
    big = upper(schema.namespace)
    value = f"value->{f.name}"
    if f.vector:
        type_ = ("char" if f.what == "string" else f"{big}__{f.type}")
        one = (f"(char *){value}.data[i].data" if f.what == "string" else
               f"make_{f.type}(&{value}.data[i])")
        return [f"to->n_{f.name} = {value}.count;",
                f"to->{f.name} = ({type_} **)malloc(({value}.count + 1) * "
                "sizeof(void *));",
                f"for (size_t i = 0; i < {value}.count; i++)",
                f"\tto->{f.name}[i] = {one};"]
    if f.what == "string":
        return [f"to->{f.name} = (char *){value}.data;"]
    if f.what in ("struct", "table"):
        if in_struct:
            return [f"to->{f.name} = make_{f.type}(&{value});"]
        return [f"if ({value})", f"\tto->{f.name} = make_{f.type}({value});"]
    cast = f"({big}__{f.type})" if f.what == "enum" else ""
    lines = [f"to->{f.name} = {cast}{value};"]
    if not in_struct:
        has = (f"value->has_{f.name}" if f.optional
               else f"{value} != {f.number_default}")
        lines.append(f"to->has_{f.name} = {has};")
    return lines


def protobuf_sum(schema, f, in_struct):
    get = f"from->{f.name}"
    if f.vector:
        add = (f"sum_text({get}[i], strlen({get}[i]))" if f.what == "string"
               else f"sum_{f.type}({get}[i])")
        return [f"for (size_t i = 0; i < from->n_{f.name}; i++)",
                f"\tsum += {f.factor} * (1 + {add});"]
    if f.what == "string":
        return [f"if ({get})",
                f"\tsum += {f.factor} * sum_text({get}, strlen({get}));"]
    if f.what in ("struct", "table"):
        return [f"if ({get})", f"\tsum += {f.factor} * sum_{f.type}({get});"]
    if f.optional:
        return [f"if (from->has_{f.name})",
                f"\tsum += {f.factor} * (1 + {value_sum(f, get)});"]
    return [f"sum += {f.factor} * {value_sum(f, get)};"]
