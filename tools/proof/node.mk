# SPDX-License-Identifier: MIT
#
# The programs of the section on Node.js: an editor and its backend in C, and
# the client for Node.js if it can be built.

PROOF_EDITOR   := $(O)/$(PROOF)/node/editor
PROOF_PROGRAMS += $(PROOF_EDITOR) $(NODE_PACKAGE)

$(PROOF_EDITOR): $(PROOF_EDITOR).o $(PROOF_EDITOR).fastipc.o \
		$(O)/tools/bench/histogram.o $(LIB_A)
	$(call say,LD)$(CC) $(FLAGS) $(LINK) -o $@ $^ $(URCU) $(COMPRESS) -lm

$(PROOF_EDITOR).o: $(PROOF)/node/editor.c $(O)/flags | $(PROOF_EDITOR).fastipc.o
	$(call say,CC)$(CC) $(FLAGS) -Itools -I$(@D) -MMD -MP -c -o $@ $<

-include $(PROOF_EDITOR).d $(PROOF_EDITOR).fastipc.d
