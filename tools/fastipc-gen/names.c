// SPDX-License-Identifier: MIT
/*
 * Identifiers: escaped, and a set of those that are taken.
 */
#include "names.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a field or a type without a namespace cannot be called. */
static const char *const reserved[] = {
	/* C11 */
	"auto", "break", "case", "char", "const", "continue", "default", "do",
	"double", "else", "enum", "extern", "float", "for", "goto", "if",
	"inline", "int", "long", "register", "restrict", "return", "short",
	"signed", "sizeof", "static", "struct", "switch", "typedef", "union",
	"unsigned", "void", "volatile", "while",
	/* C23 and C++ */
	"alignas", "alignof", "and", "and_eq", "asm", "bitand", "bitor", "bool",
	"catch", "char8_t", "char16_t", "char32_t", "class", "compl", "concept",
	"const_cast", "consteval", "constexpr", "constinit", "co_await",
	"co_return", "co_yield", "decltype", "delete", "dynamic_cast",
	"explicit", "export", "false", "friend", "mutable", "namespace", "new",
	"noexcept", "not", "not_eq", "nullptr", "operator", "or", "or_eq",
	"private", "protected", "public", "reinterpret_cast", "requires",
	"static_assert", "static_cast", "template", "this", "thread_local",
	"throw", "true", "try", "typeid", "typename", "typeof", "typeof_unqual",
	"using", "virtual", "wchar_t", "xor", "xor_eq",
	/* macros that the headers define, or compilers themselves */
	"errno", "linux", "unix", "i386", "NULL", "EOF", "assert", "stdin",
	"stdout", "stderr", "offsetof", "major", "minor", "makedev", "complex",
	"noreturn"
};

char *names_format(struct schema_arena *arena, const char *format, ...)
{
	va_list arguments, again;
	char *text;
	int size;

	va_start(arguments, format);
	va_copy(again, arguments);
	size = vsnprintf(NULL, 0, format, arguments);
	text = schema_take(arena, (size_t)size + 1);
	vsnprintf(text, (size_t)size + 1, format, again);
	va_end(again);
	va_end(arguments);
	return text;
}

const char *names_escape(struct schema_arena *arena, const char *name)
{
	for (size_t i = 0; i < COUNT(reserved); i++)
		if (!strcmp(name, reserved[i]))
			return names_format(arena, "%s_", name);
	return name;
}

/* Where the name is, or would be put. */
static size_t slot_of(const struct names *names, const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	size_t slot;

	for (const char *at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
	slot = hash & (names->size - 1);
	while (names->slots[slot] && strcmp(names->slots[slot], name))
		slot = (slot + 1) & (names->size - 1);
	return slot;
}

bool names_taken(const struct names *names, const char *name)
{
	return names->size && names->slots[slot_of(names, name)];
}

static void grow(struct names *names)
{
	struct names larger = { .arena = names->arena,
				.size = names->size ? names->size * 2 : 64,
				.count = names->count };

	larger.slots =
		schema_take(names->arena, larger.size * sizeof(*larger.slots));
	for (size_t i = 0; i < names->size; i++)
		if (names->slots[i])
			larger.slots[slot_of(&larger, names->slots[i])] =
				names->slots[i];
	*names = larger;
}

void names_take(struct names *names, const char *name)
{
	if (names_taken(names, name))
		return;
	if (names->count >= names->size / 2)
		grow(names);
	names->slots[slot_of(names, name)] = name;
	names->count++;
}
