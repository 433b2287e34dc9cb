# SPDX-License-Identifier: MIT
#
# The client for Node.js: included by the Makefile.  It is built with the
# headers of Node.js that is installed; without them `make node` says so, and
# the rest of fastipc does not miss it.

NODE_HEADERS := $(patsubst %/node_api.h,%,$(firstword \
		$(wildcard $(addsuffix /include/node/node_api.h,/usr /usr/local))))
NODE_FLAGS   := $(if $(NODE_HEADERS),-isystem $(NODE_HEADERS))
NODE_OUT     := $(O)/tools/node
NODE_OBJECTS := $(call objects,tools/node/*.c) \
		$(patsubst tools/%.c,$(NODE_OUT)/%.o,$(wildcard tools/schema/*.c))
NODE_PACKAGE := $(if $(NODE_HEADERS),$(NODE_OUT)/fastipc.node \
		$(patsubst %,$(O)/%,$(filter-out %.c %.h %.mk,\
		$(wildcard tools/node/*))))
NODE_TESTED  := $(if $(NODE_PACKAGE),$(NODE_PACKAGE) $(O)/selftests/node/server)

.PHONY: node
node: $(NODE_PACKAGE) ## build the client for Node.js into build/tools/node
	$(if $(NODE_HEADERS),,@echo 'install node_api.h (Debian: libnode-dev)' \
		>&2; exit 1)

$(NODE_OBJECTS): private FLAGS += $(NODE_FLAGS) -fPIC -fvisibility=hidden

$(NODE_OUT)/schema/%.o: tools/schema/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(FLAGS) -Itools -MMD -MP -c -o $@ $<

$(NODE_OUT)/fastipc.node: $(NODE_OBJECTS) $(LIB_A)
	$(call say,LD)$(CC) $(FLAGS) $(LINK) -shared -o $@ $(NODE_OBJECTS) \
		$(LIB_A) -Wl,--exclude-libs,ALL -Wl,-Bsymbolic $(URCU) $(COMPRESS)

$(filter-out %.node,$(NODE_PACKAGE)): $(NODE_OUT)/%: tools/node/%
	@mkdir -p $(@D)
	$(Q)cp $< $@

-include $(NODE_OBJECTS:.o=.d)
