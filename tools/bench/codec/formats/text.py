# SPDX-License-Identifier: MIT
"""JSON: a writer, yyjson both ways, simdjson."""
from formats.output import HEAD, leaf_factor, value_sum, write_ops


def write_enum_names(schema, out):
    for name in schema.by_name:
        values = schema.enums[name]
        out(f"static inline const char *name_{name}(uint8_t value)", "{",
            "\tswitch (value) {",
            *(f'\tcase {number}: return "{text}";'
              for text, number in values.items()),
            '\tdefault: return "";', "\t}", "}",
            f"static inline uint64_t number_{name}(const char *text, size_t size)",
            "{")
        if all(len(text) == 1 for text in values):
            out("\tswitch (size ? text[0] : 0) {",
                *(f"\tcase '{text}': return {number};"
                  for text, number in values.items()),
                "\tdefault: return 0;", "\t}", "}")
        else:
            out(*(f'\tif (size == {len(text)} && !memcmp(text, "{text}", '
                  f"{len(text)})) return {number};"
                  for text, number in values.items()), "\treturn 0;", "}")


def present(f):
    """When a field of `value` is in JSON; None if always."""
    if f.what in ("scalar", "enum") and not f.vector:
        if f.optional:
            return f"value->has_{f.name}"
        if f.omit:
            return f"value->{f.name} != {f.number_default}"
        return None
    if f.what in ("struct", "table") and not f.vector:
        return f"value->{f.name}"
    return f"value->{f.name}.data"


def write_json(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', '#include "json_writer.h"',
        f'#include "{schema.name}.fastipc.h"')
    write_enum_names(schema, out)
    types = [*schema.structs, *schema.tables]
    for name in types:
        out(f"static char *write_{name}(char *at, const struct {ns}_{name} "
            "*value);")
    for name in [*schema.structs, *schema.ordered()]:
        fields = schema.structs.get(name) or schema.tables[name]
        out(f"static char *write_{name}(char *at, const struct {ns}_{name} "
            "*value)", "{", "\tchar *const start = at;", "")
        for f in fields:
            when = name in schema.tables and present(f)
            out(f"\tif ({when}) {{" if when else "\t{",
                f'\t\tat = put_literal(at, ",\\"{f.key}\\":");',
                *("\t\t" + line for line in
                  json_value(schema, f, name in schema.structs)), "\t}")
        out("\treturn put_end(start, at, '{', '}');", "}")
    write_ops(schema, out, "writer", 'extern "C" ',
              lambda table: [
                  "\tchar *const start = (char *)codec_out;",
                  f"\tchar *end = write_{table}(start, "
                  f"(const struct {ns}_{table} *)value);", "",
                  "\treturn { codec_out, (size_t)(end - start) };"],
              lambda table: ["\t(void)data, (void)size, (void)sum;",
                             "\treturn false;"])


def json_value(schema, f, in_struct):
    value = f"value->{f.name}"
    if f.vector:
        lines = ["char *const first = at;", "",
                 f"for (size_t i = 0; i < {value}.count; i++) {{",
                 "\tneed_room(at, 0);", "\t*at++ = ',';"]
        if f.flat:
            lines = lines[:-1]
            for leaf in schema.leaves(f.type):
                path = ".".join(part.name for part in leaf)
                lines += ["\t*at++ = ',';",
                          f"\tat = put_unsigned(at, {value}.data[i].{path});"]
        elif f.what == "string":
            lines += [f"\tat = put_text(at, {value}.data[i].data, "
                      f"{value}.data[i].size);"]
        else:
            lines += [f"\tat = write_{f.type}(at, &{value}.data[i]);"]
        return lines + ["}", "at = put_end(first, at, '[', ']');"]
    if f.what == "string":
        return [f"at = put_text(at, {value}.data, {value}.size);"]
    if f.what in ("struct", "table"):
        return [f"at = write_{f.type}(at, {'&' if in_struct else ''}{value});"]
    if f.digits:
        return [f"at = put_digits(at, {value});"]
    if f.type in schema.by_name:
        return [f"at = put_name(at, name_{f.type}({value}));"]
    put = dict(b="bool", u="unsigned", i="signed", f="float", d="double")[f.kind]
    return [f"at = put_{put}(at, {value});"]


def write_yyjson(schema, out):
    ns = schema.namespace
    out(HEAD, '#include "codec_bench.h"', "#include <yyjson.h>",
        f'#include "{schema.name}.fastipc.h"')
    write_enum_names(schema, out)
    for name in [*schema.structs, *schema.tables]:
        out(f"static yyjson_mut_val *build_{name}(yyjson_mut_doc *doc, "
            f"const struct {ns}_{name} *value);",
            f"static uint64_t sum_{name}(yyjson_val *from);")
    for name in [*schema.structs, *schema.ordered()]:
        fields = schema.structs.get(name) or schema.tables[name]
        out(f"static yyjson_mut_val *build_{name}(yyjson_mut_doc *doc, "
            f"const struct {ns}_{name} *value)", "{",
            "\tyyjson_mut_val *to = yyjson_mut_obj(doc);", "")
        for f in fields:
            when = name in schema.tables and present(f)
            out(f"\tif ({when}) {{" if when else "\t{",
                *("\t\t" + line for line in
                  yyjson_build(schema, f, name in schema.structs)), "\t}")
        out("\treturn to;", "}")
        write_key_loop(out, f"static uint64_t sum_{name}(yyjson_val *from)", [
            "\tyyjson_obj_iter iter = yyjson_obj_iter_with(from);",
            "\tyyjson_val *key;", ""],
            "\twhile ((key = yyjson_obj_iter_next(&iter))) {", [
                "\t\tyyjson_val *value = yyjson_obj_iter_get_val(key);",
                "\t\tconst char *text = yyjson_get_str(key);",
                "\t\tsize_t size = yyjson_get_len(key);"], "",
            lambda f: f"size == {len(f.key)} && "
                      f'!memcmp(text, "{f.key}", {len(f.key)})',
            fields, lambda f: yyjson_sum(schema, f))
    write_ops(
        schema, out, "yyjson", 'extern "C" ',
        lambda table: [
            "\tyyjson_alc pool;", "\tsize_t size = 0;", "",
            "\tyyjson_alc_pool_init(&pool, codec_pool, sizeof(codec_pool));",
            "\tyyjson_mut_doc *doc = yyjson_mut_doc_new(&pool);",
            f"\tyyjson_mut_doc_set_root(doc, build_{table}(doc, "
            f"(const struct {ns}_{table} *)value));",
            "\tchar *text = yyjson_mut_write_opts(doc, "
            "YYJSON_WRITE_ALLOW_INVALID_UNICODE, &pool, &size, NULL);",
            "\treturn { (const uint8_t *)text, text ? size : 0 };"],
        lambda table: [
            "\tyyjson_alc pool;", "",
            "\tyyjson_alc_pool_init(&pool, codec_pool, sizeof(codec_pool));",
            "\tyyjson_doc *doc = yyjson_read_opts((char *)data, size, 0, "
            "&pool, NULL);",
            "\tif (!doc)", "\t\treturn false;",
            f"\t*sum = sum_{table}(yyjson_doc_get_root(doc));",
            "\treturn true;"])


def write_key_loop(out, declaration, start, loop, get, rest, matches, fields,
                   read):
    """Keys mostly come in the order of the fields: look for the next first."""
    out(declaration, "{", "\tuint64_t sum = 0;", "\tunsigned int next = 0;",
        *start, loop, *get, "", "\tagain:", "\t\tswitch (next) {")
    for i, f in enumerate(fields):
        out(f"\t\tcase {i}:", f"\t\t\tif ({matches(f)}) {{",
            *("\t\t\t\t" + line for line in read(f)),
            f"\t\t\t\tnext = {i + 1};", "\t\t\t\tcontinue;", "\t\t\t}",
            "\t\t\t/* fall through */")
    out("\t\tdefault:", "\t\t\tbreak;", "\t\t}", "\t\tif (next) {",
        "\t\t\tnext = 0;", "\t\t\tgoto again;", "\t\t}")
    if rest:
        out(rest)
    out("\t}", "\treturn sum;", "}")


def yyjson_build(schema, f, in_struct):
    value = f"value->{f.name}"
    key = f'"{f.key}"'
    if f.vector:
        lines = [f"yyjson_mut_val *all = yyjson_mut_obj_add_arr(doc, to, {key});",
                 "", f"for (size_t i = 0; i < {value}.count; i++) {{"]
        if f.flat:
            for leaf in schema.leaves(f.type):
                path = ".".join(part.name for part in leaf)
                lines += ["\tyyjson_mut_arr_add_uint(doc, all, "
                          f"{value}.data[i].{path});"]
        elif f.what == "string":
            lines += [f"\tyyjson_mut_arr_add_strn(doc, all, {value}.data[i].data, "
                      f"{value}.data[i].size);"]
        else:
            lines += [f"\tyyjson_mut_arr_append(all, build_{f.type}(doc, "
                      f"&{value}.data[i]));"]
        return lines + ["}"]
    if f.what == "string":
        return [f"yyjson_mut_obj_add_strn(doc, to, {key}, {value}.data, "
                f"{value}.size);"]
    if f.what in ("struct", "table"):
        return [f"yyjson_mut_obj_add_val(doc, to, {key}, build_{f.type}(doc, "
                f"{'&' if in_struct else ''}{value}));"]
    if f.digits:
        return ["char digits[3] = {",
                f"\t(char)('0' + {value} / 100), (char)('0' + {value} / 10 % 10),",
                f"\t(char)('0' + {value} % 10) }};", "",
                f"yyjson_mut_obj_add_strncpy(doc, to, {key}, digits, 3);"]
    if f.type in schema.by_name:
        return [f"yyjson_mut_obj_add_str(doc, to, {key}, "
                f"name_{f.type}({value}));"]
    add = dict(b="bool", u="uint", i="sint", f="float", d="real")[f.kind]
    return [f"yyjson_mut_obj_add_{add}(doc, to, {key}, {value});"]


def yyjson_sum(schema, f):
    if f.vector:
        lines = ["size_t i, max;", "yyjson_val *element;", "",
                 "yyjson_arr_foreach(value, i, max, element)"]
        if f.what == "string":
            return lines + [f"\tsum += {f.factor} * (1 + sum_text("
                            "yyjson_get_str(element), yyjson_get_len(element)));"]
        if f.flat:
            return flat_sum(schema, f, lines[:-1] + [
                "yyjson_arr_foreach(value, i, max, element) {"],
                "yyjson_get_uint(element)")
        return lines + [f"\tsum += {f.factor} * (1 + sum_{f.type}(element));"]
    if f.what == "string":
        get = "sum_text(yyjson_get_str(value), yyjson_get_len(value))"
    elif f.what in ("struct", "table"):
        get = f"sum_{f.type}(value)"
    elif f.digits:
        get = "number_of_digits(yyjson_get_str(value), yyjson_get_len(value))"
    elif f.type in schema.by_name:
        get = (f"number_{f.type}(yyjson_get_str(value), "
               "yyjson_get_len(value))")
    elif f.kind in "fd":
        get = value_sum(f, f"({f.c})yyjson_get_num(value)")
    else:
        name = dict(b="bool", u="uint", i="sint")[f.kind]
        get = value_sum(f, f"yyjson_get_{name}(value)")
    return [f"sum += {f.factor} * ({'1 + ' if f.optional else ''}{get});"]


def flat_sum(schema, f, lines, get):
    """Numbers in turns are the fields of structs."""
    leaves = list(schema.leaves(f.type))
    factors = ", ".join(str(leaf_factor(leaf)) for leaf in leaves)
    return (["static const uint64_t factors[] = { " + factors + " };",
             "unsigned int turn = 0;"] + lines + [
        f"\tsum += {f.factor} * (factors[turn] * (uint64_t){get} + !turn);",
        f"\tif (++turn == {len(leaves)})", "\t\tturn = 0;", "}"])


def write_simdjson(schema, out):
    out(HEAD, '#include "codec_bench.h"', "#include <simdjson.h>", "",
        "using namespace simdjson;", "")
    write_enum_names(schema, out)
    for name in [*schema.structs, *schema.tables]:
        out(f"static uint64_t sum_{name}(ondemand::object from);")
    for name in [*schema.structs, *schema.ordered()]:
        fields = schema.structs.get(name) or schema.tables[name]
        write_key_loop(
            out, f"static uint64_t sum_{name}(ondemand::object from)", [],
            "\tfor (auto field : from) {", [
                "\t\tondemand::raw_json_string key = field.key();",
                "\t\tondemand::value value = field.value();"], "",
            lambda f: f'key.unsafe_is_equal(std::string_view("{f.key}", '
                      f"{len(f.key)}))",
            fields, lambda f: simdjson_sum(schema, f))
    out("static ondemand::parser parser;")
    write_ops(
        schema, out, "simdjson", 'extern "C" ',
        lambda table: ["\t(void)value;", "\treturn { NULL, 0 };"],
        lambda table: [
            "\ttry {", "\t\tondemand::document document = "
            "parser.iterate((const char *)data, size, size + CODEC_PADDING);",
            f"\t\t*sum = sum_{table}(document.get_object());",
            "\t\treturn true;", "\t} catch (const simdjson_error &) {",
            "\t\treturn false;", "\t}"])


def simdjson_sum(schema, f):
    text = ["std::string_view text = value.get_string();", ""]
    if f.vector:
        if f.what == "string":
            return ["for (auto element : value.get_array()) {",
                    "\tstd::string_view text = element.get_string();", "",
                    f"\tsum += {f.factor} * (1 + sum_text(text.data(), "
                    "text.size()));", "}"]
        if f.flat:
            return flat_sum(schema, f,
                            ["for (auto element : value.get_array()) {"],
                            "element.get_uint64()")
        return ["for (auto element : value.get_array())",
                f"\tsum += {f.factor} * (1 + "
                f"sum_{f.type}(element.get_object()));"]
    if f.what == "string":
        return text + [f"sum += {f.factor} * sum_text(text.data(), text.size());"]
    if f.digits:
        return text + [f"sum += {f.factor} * "
                       "number_of_digits(text.data(), text.size());"]
    if f.what in ("struct", "table"):
        return [f"sum += {f.factor} * sum_{f.type}(value.get_object());"]
    if f.type in schema.by_name:
        return text + [f"sum += {f.factor} * "
                       f"number_{f.type}(text.data(), text.size());"]
    name, type_ = dict(b=("bool", "bool"), u=("uint64", "uint64_t"),
                       i=("int64", "int64_t"), f=("double", "double"),
                       d=("double", "double"))[f.kind]
    cast = "(float)" if f.kind == "f" else ""
    get = value_sum(f, f"{cast}{type_}(value.get_{name}())")
    return [f"sum += {f.factor} * ({'1 + ' if f.optional else ''}{get});"]
