# SPDX-License-Identifier: MIT
#
# The proofs: included by the Makefile.  Each tools/proof/NAME.c is a program,
# with the parts that they share and those of `fastipc bench` that measure; a
# proof that needs more has rules in a .mk of its own, and adds what it builds
# to PROOF_PROGRAMS.

comma          := ,
PROOF          := tools/proof
PROOF_SECTIONS := $(wildcard $(PROOF)/[0-9][0-9]-*)
PROOF_MESSAGES := $(O)/$(PROOF)/letter.fastipc.o
PROOF_PARTS    := $(call objects,$(PROOF)/parts/*.c) \
		$(patsubst %,$(O)/tools/bench/%.o,histogram placement probe \
		process series ticks watchdog) \
		$(O)/tools/fastipc/print.o $(O)/tools/fastipc/arguments.o
PROOF_SOURCES  := $(filter-out $(PROOF_SPECIAL),$(wildcard $(PROOF)/*.c))
PROOF_PROGRAMS := $(PROOF_SOURCES:%.c=$(O)/%)

# What count.c counts the copies of.
PROOF_LINK_count := $(addprefix -Wl$(comma)--wrap=,memcpy memmove \
		fastipc_frame_copy_out fastipc_frame_copy_in \
		fastipc_frame_stream_in fastipc_crc32c_copy \
		fastipc_crc32c_copy_in fastipc_crc32c_frame)

include $(filter-out $(PROOF)/proof.mk,$(wildcard $(PROOF)/*.mk))

.PHONY: proof proof-run
proof: ## prove it: measure all, QUICK=1 in 3 minutes, and write a report
	@tools/deps run proof
	+@$(again) proof-run

proof-run: tools $(PROOF_PROGRAMS)
	@O=$(abspath $(O)) FASTIPC=$(abspath $(O)/bin/fastipc) QUICK=$(QUICK) \
		MINUTES=$(MINUTES) RUNS=$(RUNS) CHECK=$(CHECK) \
		SECTIONS='$(SECTIONS)' README=$(README) tools/proof/run

# What the module is measured by: a section boots it, but not the quick form.
.PHONY: proof-vm
proof-vm: export VM_FILES := $(O)/$(PROOF)/trips
proof-vm: tools $(O)/$(PROOF)/trips
	@tools/deps run $(VM_DEPS)
	$(call vm_prepare,$(O)/vm/proof,$(firstword $(VM)),$(PROOF)/kmod.sh)
	@selftests/vm/boot.sh $(O)/vm/proof

$(call objects,$(PROOF)/parts/*.c): $(O)/%.o: %.c $(O)/flags | $(PROOF_MESSAGES)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(FLAGS) -Itools -I$(O)/$(PROOF) -MMD -MP -c -o $@ $<

$(PROOF_SOURCES:%.c=$(O)/%): $(O)/%: %.c $(PROOF_PARTS) $(PROOF_MESSAGES) \
		$(LIB_A) $(O)/flags
	@mkdir -p $(@D)
	$(call say,PROOF)$(CC) $(FLAGS) $(LINK) $(PROOF_LINK_$(*F)) \
		-Itools -I$(O)/$(PROOF) \
		-MMD -MP -MF $@.d -o $@ $< $(PROOF_PARTS) $(PROOF_MESSAGES) \
		$(LIB_A) $(URCU) $(COMPRESS) -lm

-include $(PROOF_SOURCES:%.c=$(O)/%.d) $(PROOF_MESSAGES:.o=.d) \
	$(PROOF_MESSAGES:.o=.dep) \
	$(patsubst %.o,%.d,$(call objects,$(PROOF)/parts/*.c))
