# SPDX-License-Identifier: MIT
"""MessagePack."""
from formats.output import HEAD, leaf_factor, write_functions, write_ops


def write_msgpack(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', f'#include "{schema.name}.fastipc.h"',
        "#include <msgpack.h>", "",
        "static inline void pack_text(msgpack_packer *to, "
        "struct fastipc_string text)", "{", "\tif (!text.data) {",
        "\t\tmsgpack_pack_nil(to);", "\t\treturn;", "\t}",
        "\tmsgpack_pack_str(to, text.size);",
        "\tmsgpack_pack_str_body(to, text.data, text.size);", "}",
        "static int append(void *used, const char *data, size_t size)", "{",
        "\tsize_t *const at = (size_t *)used;", "",
        "\tif (size > sizeof(codec_out) - *at)", "\t\treturn -1;",
        "\tmemcpy(codec_out + *at, data, size);", "\t*at += size;",
        "\treturn 0;", "}")
    for name in schema.structs:
        leaves = list(schema.leaves(name))
        out(f"static void pack_{name}(msgpack_packer *to, "
            f"const struct {ns}_{name} *value)", "{",
            f"\tmsgpack_pack_array(to, {len(leaves)});")
        for leaf in leaves:
            path = ".".join(part.name for part in leaf)
            out(f"\t{msgpack_put(leaf[-1], 'value->' + path)}")
        out("}", f"static uint64_t sum_{name}(const msgpack_object *from)", "{",
            f"\tif (from->type != MSGPACK_OBJECT_ARRAY || "
            f"from->via.array.size != {len(leaves)})", "\t\treturn 0;",
            "\tconst msgpack_object *const all = from->via.array.ptr;",
            "\treturn " + " + ".join(
                f"{leaf_factor(leaf)} * {msgpack_get(leaf[-1], f'all[{i}]')}"
                for i, leaf in enumerate(leaves)) + ";", "}")
    write_functions(schema, out, [
        (lambda name: f"static void pack_{name}(msgpack_packer *to, "
                      f"const struct {ns}_{name} *value)",
         lambda name: ["\tmsgpack_pack_array(to, "
                       f"{len(schema.tables[name])});"],
         lambda name, f: msgpack_field(f), lambda name: []),
        (lambda name: f"static uint64_t sum_{name}(const msgpack_object *from)",
         lambda name: [
             "\tuint64_t sum = 0;", "",
             "\tif (from->type != MSGPACK_OBJECT_ARRAY || "
             f"from->via.array.size != {len(schema.tables[name])})",
             "\t\treturn 0;",
             "\tconst msgpack_object *const all = from->via.array.ptr;"],
         lambda name, f: msgpack_sum(
             f, f"all[{schema.tables[name].index(f)}]"),
         lambda name: ["\treturn sum;"])])
    out("static msgpack_zone *zone = msgpack_zone_new(1 << 20);")
    write_ops(
        schema, out, "msgpack", 'extern "C" ',
        lambda table: [
            "\tmsgpack_packer packer;", "\tsize_t used = 0;", "",
            "\tmsgpack_packer_init(&packer, &used, append);",
            f"\tpack_{table}(&packer, (const struct {ns}_{table} *)value);",
            "\treturn { codec_out, used };"],
        lambda table: [
            "\tmsgpack_object object;", "\tsize_t offset = 0;", "",
            "\tmsgpack_zone_clear(zone);",
            "\tif (msgpack_unpack((const char *)data, size, &offset, zone, "
            "&object) != MSGPACK_UNPACK_SUCCESS)", "\t\treturn false;",
            f"\t*sum = sum_{table}(&object);", "\treturn true;"])


def msgpack_put(f, value):
    if f.kind == "b":
        return f"{value} ? msgpack_pack_true(to) : msgpack_pack_false(to);"
    return dict(u=f"msgpack_pack_uint64(to, {value});",
                i=f"msgpack_pack_int64(to, {value});",
                f=f"msgpack_pack_float(to, {value});",
                d=f"msgpack_pack_double(to, {value});")[f.kind]


def msgpack_get(f, value):
    return dict(b=f"(uint64_t){value}.via.boolean", u=f"{value}.via.u64",
                i=f"(uint64_t){value}.via.i64",
                f=f"sum_f32((float){value}.via.f64)",
                d=f"sum_f64({value}.via.f64)")[f.kind]


def msgpack_field(f):
    value = f"value->{f.name}"
    if f.vector:
        one = (f"pack_text(to, {value}.data[i]);" if f.what == "string" else
               f"pack_{f.type}(to, &{value}.data[i]);")
        return [f"if ({value}.data) {{",
                f"\tmsgpack_pack_array(to, {value}.count);",
                f"\tfor (size_t i = 0; i < {value}.count; i++)", f"\t\t{one}",
                "} else {", "\tmsgpack_pack_nil(to);", "}"]
    if f.what == "string":
        return [f"pack_text(to, {value});"]
    if f.what in ("struct", "table"):
        return [f"if ({value})", f"\tpack_{f.type}(to, {value});", "else",
                "\tmsgpack_pack_nil(to);"]
    if f.optional:
        return [f"if (value->has_{f.name})", f"\t{msgpack_put(f, value)}", "else",
                "\tmsgpack_pack_nil(to);"]
    return [msgpack_put(f, value)]


def msgpack_sum(f, value):
    text = "sum_text({0}.via.str.ptr, {0}.via.str.size)"
    if f.vector:
        one = f"{value}.via.array.ptr[i]"
        add = text.format(one) if f.what == "string" else f"sum_{f.type}(&{one})"
        return [f"if ({value}.type == MSGPACK_OBJECT_ARRAY)",
                f"\tfor (uint32_t i = 0; i < {value}.via.array.size; i++)",
                f"\t\tsum += {f.factor} * (1 + {add});"]
    if f.what == "string":
        return [f"if ({value}.type == MSGPACK_OBJECT_STR)",
                f"\tsum += {f.factor} * {text.format(value)};"]
    if f.what in ("struct", "table"):
        return [f"if ({value}.type != MSGPACK_OBJECT_NIL)",
                f"\tsum += {f.factor} * sum_{f.type}(&{value});"]
    if f.optional:
        return [f"if ({value}.type != MSGPACK_OBJECT_NIL)",
                f"\tsum += {f.factor} * (1 + {msgpack_get(f, value)});"]
    return [f"sum += {f.factor} * {msgpack_get(f, value)};"]
