# SPDX-License-Identifier: MIT
"""Cap'n Proto."""
from formats.output import (HEAD, leaf_factor, sum_of, value_sum,
                            write_functions, write_ops)
from formats.schema import SCALARS, camel, upper


def capnp_name(leaf):
    head, *tail = [camel(part.name) for part in leaf]
    return head + "".join(part[0].upper() + part[1:] for part in tail)


def write_capnp_schema(schema, out):
    unique = 0x8000000000000000
    for character in schema.name:
        unique = (unique * 31 + ord(character)) % 2**63 | 2**63
    out(f"# Made by tools/bench/codec/generate.py.  Enums are integers, as they",
        "# are open; structs in structs are flat: no pointers between them.",
        f"@{unique:#x};", 'using Cxx = import "/capnp/c++.capnp";',
        f'$Cxx.namespace("capn::{schema.namespace}");')
    for name in schema.structs:
        out(f"struct {name} {{")
        for i, leaf in enumerate(schema.leaves(name)):
            out(f"  {capnp_name(leaf)} @{i} :{SCALARS[leaf[-1].type][1]};")
        out("}")
    for name, fields in schema.tables.items():
        out(f"struct {name} {{")
        ordinal = 0
        for f in fields:
            type_ = ("Text" if f.what == "string" else
                     "UInt8" if f.what == "enum" else
                     SCALARS[f.type][1] if f.what == "scalar" else f.type)
            if f.vector:
                type_ = f"List({type_})"
            elif f.what in ("enum", "scalar") and f.default:
                type_ += f" = {str(f.number_default).rstrip('f')}"
            if f.optional:
                out(f"  has{upper(camel(f.name))}Value @{ordinal} :Bool;")
                ordinal += 1
            out(f"  {camel(f.name)} @{ordinal} :{type_};")
            ordinal += 1
        out("}")


def write_capnp(schema, out):
    ns, cap = schema.namespace, f"capn::{schema.namespace}"
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        f'#include "{schema.name}.capnp.h"', "#include <capnp/message.h>",
        "#include <capnp/serialize.h>", "#include <kj/io.h>", "")
    for name in schema.structs:
        leaves = list(schema.leaves(name))
        out(f"static inline void build_{name}({cap}::{name}::Builder to, "
            f"const struct {ns}_{name} &value)", "{",
            *(f"\tto.set{upper(capnp_name(leaf))}(value."
              f"{'.'.join(part.name for part in leaf)});" for leaf in leaves),
            "}", f"static inline uint64_t sum_{name}({cap}::{name}::Reader from)",
            "{", "\treturn " + " + ".join(
                f"{leaf_factor(leaf)} * "
                + value_sum(leaf[-1], f"from.get{upper(capnp_name(leaf))}()")
                for leaf in leaves) + ";", "}")
    write_functions(schema, out, [
        (lambda name: f"static void build_{name}({cap}::{name}::Builder to, "
                      f"const struct {ns}_{name} *value)",
         lambda name: [], lambda name, f: capnp_build(schema, f),
         lambda name: []),
        (lambda name: f"static uint64_t sum_{name}({cap}::{name}::Reader from)",
         *sum_of(lambda name, f: capnp_sum(schema, f)))])
    out("/* Zeros, and again when a message's builder is done with it. */",
        "alignas(8) static uint8_t segment[CODEC_OUT_SIZE];")
    write_ops(
        schema, out, "capnp", 'extern "C" ',
        lambda table: [
            "\tcapnp::MallocMessageBuilder message(kj::arrayPtr("
            "(capnp::word *)segment, sizeof(segment) / 8));",
            f"\tbuild_{table}(message.initRoot<{cap}::{table}>(), "
            f"(const struct {ns}_{table} *)value);",
            "\tkj::ArrayOutputStream stream(kj::arrayPtr(codec_out, "
            "sizeof(codec_out)));",
            "\tcapnp::writeMessage(stream, message);",
            "\treturn { codec_out, stream.getArray().size() };"],
        lambda table: [
            "\tcapnp::ReaderOptions options;", "",
            "\toptions.traversalLimitInWords = UINT64_MAX;",
            "\tcapnp::FlatArrayMessageReader message(kj::arrayPtr("
            "(const capnp::word *)data, size / 8), options);",
            f"\t*sum = sum_{table}(message.getRoot<{cap}::{table}>());",
            "\treturn true;"])


def capnp_build(schema, f):
    value, name = f"value->{f.name}", upper(camel(f.name))
    text = "capnp::Text::Reader({0}.data, {0}.size)"
    if f.vector:
        if f.what == "string":
            fill = f"all.set(i, {text.format(value + '.data[i]')});"
        elif f.what == "struct":
            fill = f"build_{f.type}(all[i], {value}.data[i]);"
        else:
            fill = f"build_{f.type}(all[i], &{value}.data[i]);"
        return [f"if ({value}.data) {{",
                f"\tauto all = to.init{name}((unsigned int){value}.count);", "",
                f"\tfor (unsigned int i = 0; i < {value}.count; i++)",
                f"\t\t{fill}", "}"]
    if f.what == "string":
        return [f"if ({value}.data)",
                f"\tto.set{name}({text.format(value)});"]
    if f.what == "struct":
        return [f"if ({value})", f"\tbuild_{f.type}(to.init{name}(), *{value});"]
    if f.what == "table":
        return [f"if ({value})", f"\tbuild_{f.type}(to.init{name}(), {value});"]
    if f.optional:
        return [f"if (value->has_{f.name}) {{", f"\tto.setHas{name}Value(true);",
                f"\tto.set{name}({value});", "}"]
    return [f"to.set{name}({value});"]


def capnp_sum(schema, f):
    name = upper(camel(f.name))
    if f.vector:
        add = ("sum_text(one.begin(), one.size())" if f.what == "string"
               else f"sum_{f.type}(one)")
        return [f"if (from.has{name}())", f"\tfor (auto one : from.get{name}())",
                f"\t\tsum += {f.factor} * (1 + {add});"]
    if f.what == "string":
        return [f"if (from.has{name}()) {{", f"\tauto one = from.get{name}();", "",
                f"\tsum += {f.factor} * sum_text(one.begin(), one.size());", "}"]
    if f.what in ("struct", "table"):
        return [f"if (from.has{name}())",
                f"\tsum += {f.factor} * sum_{f.type}(from.get{name}());"]
    get = value_sum(f, f"from.get{name}()")
    if f.optional:
        return [f"if (from.getHas{name}Value())",
                f"\tsum += {f.factor} * (1 + {get});"]
    return [f"sum += {f.factor} * {get};"]
