# SPDX-License-Identifier: MIT
"""fastipc itself."""
from formats.output import HEAD, sum_of, value_sum, write_functions, write_ops


def write_fastipc(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        "/* With or without UTF-8: each has its own, in one unit. */",
        f'#include "{schema.name}.fastipc.c"', "")
    for name, fields in schema.structs.items():
        out(f"static inline uint64_t sum_{name}(struct {ns}_{name} value)", "{",
            "\tuint64_t sum = 0;", "")
        for f in fields:
            add = (f"sum_{f.type}(value.{f.name})" if f.what == "struct"
                   else value_sum(f, f"value.{f.name}"))
            out(f"\tsum += {f.factor} * {add};")
        out("\treturn sum;", "}")
    write_functions(schema, out, [
        (lambda name: f"static uint64_t sum_{name}("
                      f"struct {ns}_{name}_reader from)",
         *sum_of(lambda name, f: fastipc_field(schema, name, f)))])
    write_ops(
        schema, out, "fastipc", "",
        lambda table: [
            "\tsize_t size = 0;", "",
            f"\tif ({ns}_{table}_encode((const struct {ns}_{table} *)value, "
            "codec_out, sizeof(codec_out), &size))",
            "\t\treturn (struct span){ NULL, 0 };",
            "\treturn (struct span){ codec_out, size };"],
        lambda table: [
            f"\tstruct {ns}_{table}_reader from;", "",
            f"\tif ({ns}_{table}_read(fastipc_snapshot_of(data, size), &from))",
            "\t\treturn false;",
            f"\t*sum = sum_{table}(from);", "\treturn true;"],
        lambda table: [
            f"\tstruct {ns}_{table}_reader from;", "",
            f"\treturn !{ns}_{table}_read(fastipc_snapshot_of(data, size), "
            "&from);"])


def fastipc_field(schema, table, f):
    ns = schema.namespace
    get = f"{ns}_{table}_{f.name}(from)"
    has = f"{ns}_{table}_has_{f.name}(from)"
    if not f.vector:
        if f.what == "string":
            return ["{", f"\tstruct fastipc_string text = {get};", "",
                    f"\tsum += {f.factor} * sum_text(text.data, text.size);", "}"]
        if f.what in ("struct", "table"):
            return [f"if ({has})", f"\tsum += {f.factor} * sum_{f.type}({get});"]
        if f.optional:
            return [f"if ({has})",
                    f"\tsum += {f.factor} * (1 + {value_sum(f, get)});"]
        return [f"sum += {f.factor} * {value_sum(f, get)};"]
    vector = ("fastipc_string_vector" if f.what == "string"
              else f"{ns}_{f.type}_vector")
    lines = ["{", f"\tstruct {vector} all = {get};", "",
             "\tfor (size_t i = 0; i < all.count; i++) {"]
    if f.what == "string":
        lines += ["\t\tstruct fastipc_string text = "
                  "fastipc_string_vector_at(all, i);", "",
                  f"\t\tsum += {f.factor} * (1 + sum_text(text.data, text.size));"]
    else:
        lines += [f"\t\tsum += {f.factor} * "
                  f"(1 + sum_{f.type}({vector}_at(all, i)));"]
    return lines + ["\t}", "}"]
