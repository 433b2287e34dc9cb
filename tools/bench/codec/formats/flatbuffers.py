# SPDX-License-Identifier: MIT
"""FlatBuffers."""
from formats.output import HEAD, sum_of, value_sum, write_functions, write_ops


def write_flatbuffers(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        f'#include "{schema.name}_generated.h"', "",
        "using flatbuffers::FlatBufferBuilder;", "using flatbuffers::Offset;",
        "typedef Offset<flatbuffers::String> Text;", "",
        "static inline Text text_of(FlatBufferBuilder &to, "
        "struct fastipc_string text)", "{",
        "\treturn text.data ? to.CreateString(text.data, text.size) : Text(0);",
        "}")
    for name, fields in schema.structs.items():
        parts = ", ".join(f"struct_{f.type}(value.{f.name})"
                          if f.what == "struct" else f"value.{f.name}"
                          for f in fields)
        out(f"static inline {ns}::{name} struct_{name}(const struct {ns}_{name} "
            "&value)", "{", f"\treturn {ns}::{name}({parts});", "}",
            f"static inline uint64_t sum_{name}(const {ns}::{name} &from)", "{",
            "\treturn " + " + ".join(
                f"{f.factor} * " + (f"sum_{f.type}(from.{f.name}())"
                                    if f.what == "struct" else
                                    value_sum(f, f"from.{f.name}()"))
                for f in fields) + ";", "}")
    write_functions(schema, out, [
        (lambda name: f"static Offset<{ns}::{name}> build_{name}("
                      f"FlatBufferBuilder &to, const struct {ns}_{name} *value)",
         lambda name: [], lambda name, f: flatbuffers_before(schema, f),
         lambda name: [f"\treturn {ns}::Create{name}(to, " + ", ".join(
             flatbuffers_argument(schema, f)
             for f in schema.tables[name]) + ");"]),
        (lambda name: f"static uint64_t sum_{name}(const {ns}::{name} *from)",
         *sum_of(lambda name, f: flatbuffers_sum(schema, f)))])
    out("static FlatBufferBuilder builder(1 << 20);")
    write_ops(
        schema, out, "flatbuffers", 'extern "C" ',
        lambda table: [
            "\tbuilder.Clear();",
            f"\tbuilder.Finish(build_{table}(builder, "
            f"(const struct {ns}_{table} *)value));",
            "\treturn { builder.GetBufferPointer(), builder.GetSize() };"],
        lambda table: [
            "\tflatbuffers::Verifier verifier(data, size);", "",
            f"\tif (!verifier.VerifyBuffer<{ns}::{table}>(nullptr))",
            "\t\treturn false;",
            f"\t*sum = sum_{table}(flatbuffers::GetRoot<{ns}::{table}>(data));",
            "\treturn true;"],
        lambda table: [
            "\tflatbuffers::Verifier verifier(data, size);", "",
            f"\treturn verifier.VerifyBuffer<{ns}::{table}>(nullptr);"])


def flatbuffers_before(schema, f):
    ns = schema.namespace
    value = f"value->{f.name}"
    if not f.vector:
        if f.what == "string":
            return [f"Text of_{f.name} = text_of(to, {value});"]
        if f.what == "table":
            return [f"Offset<{ns}::{f.type}> of_{f.name} = {value} ? "
                    f"build_{f.type}(to, {value}) : "
                    f"Offset<{ns}::{f.type}>(0);"]
        if f.what == "struct":
            return [f"{ns}::{f.type} of_{f.name};", f"if ({value})",
                    f"\tof_{f.name} = struct_{f.type}(*{value});"]
        return []
    if f.what == "struct":
        element = f"const {ns}::{f.type} *"
        fill = [f"\t{ns}::{f.type} *all;", "",
                f"\tof_{f.name} = to.CreateUninitializedVectorOfStructs("
                f"{value}.count, &all);",
                f"\tfor (size_t i = 0; i < {value}.count; i++)",
                f"\t\tall[i] = struct_{f.type}({value}.data[i]);"]
    else:
        element = "Text" if f.what == "string" else f"Offset<{ns}::{f.type}>"
        build = (f"text_of(to, {value}.data[i])" if f.what == "string" else
                 f"build_{f.type}(to, &{value}.data[i])")
        fill = [f"\t{element} *all = ({element} *)alloca(({value}.count + 1) * "
                f"sizeof({element}));", "",
                f"\tfor (size_t i = 0; i < {value}.count; i++)",
                f"\t\tall[i] = {build};",
                f"\tof_{f.name} = to.CreateVector(all, {value}.count);"]
    return [f"Offset<flatbuffers::Vector<{element}>> of_{f.name} = 0;",
            f"if ({value}.data) {{", *fill, "}"]


def flatbuffers_argument(schema, f):
    ns = schema.namespace
    if f.what == "struct" and not f.vector:
        return f"value->{f.name} ? &of_{f.name} : nullptr"
    if f.vector or f.what in ("string", "table"):
        return f"of_{f.name}"
    value = f"value->{f.name}"
    if f.what == "enum":
        return f"({ns}::{f.type}){value}"
    if f.optional:
        return (f"value->has_{f.name} ? flatbuffers::Optional<{f.c}>({value}) : "
                "flatbuffers::nullopt")
    return value


def flatbuffers_sum(schema, f):
    get = f"from->{f.name}()"
    if f.what in ("scalar", "enum"):
        if f.optional:
            return [f"if (auto one = {get})",
                    f"\tsum += {f.factor} * (1 + {value_sum(f, '*one')});"]
        return [f"sum += {f.factor} * {value_sum(f, get)};"]
    if not f.vector:
        add = {"string": "sum_text(one->c_str(), one->size())",
               "struct": f"sum_{f.type}(*one)",
               "table": f"sum_{f.type}(one)"}[f.what]
        return [f"if (auto one = {get})", f"\tsum += {f.factor} * {add};"]
    add = {"string": "sum_text(one->c_str(), one->size())",
           "struct": f"sum_{f.type}(*one)", "table": f"sum_{f.type}(one)"}[f.what]
    return [f"if (auto all = {get})", "\tfor (auto one : *all)",
            f"\t\tsum += {f.factor} * (1 + {add});"]
