// SPDX-License-Identifier: MIT
/*
 * What a service becomes: the types of its messages.
 */
#include "gen.h"

void emit_service_types(struct gen *gen)
{
	for (uint16_t i = 0; i < gen->schema->service_count; i++) {
		const struct fastipc_schema_service *service =
			&gen->schema->services[i];
		const char *name = gen_identifier(gen, service->name);

		if (!gen_is_own(gen, service) || !service->method_count)
			continue;
		put_doc(gen, "", service->doc);
		put(gen, "enum {\n");
		for (uint16_t j = 0; j < service->method_count; j++) {
			const struct fastipc_schema_method *method =
				&service->methods[j];

			put_doc(gen, "\t", method->doc);
			put(gen, "\t%s_%s_TYPE = 0x%04x,\n", name, method->name,
			    method->type);
		}
		put(gen, "};\n\n");
	}
}
