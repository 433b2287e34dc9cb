# SPDX-License-Identifier: MIT
#
# fastipc: `make help` lists the targets.
#
# What is built goes to $(O), build/ unless told otherwise, and mirrors the
# tree there; other compilers and sanitizers build the same rules in a
# directory of their own, by calling make again with another O.

VERSION   := $(shell cat lib/VERSION)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

O      ?= build
# Spelt in one way, as the prerequisites are that the compiler tells.
override O := $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
CFLAGS ?= -O2 -g
CLANG  ?= clang
DIR    ?= /usr/include
ifeq ($(origin CC),default)
CC     := gcc
endif

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir     ?= $(prefix)/share/man

# SAN=asan, SAN=tsan or SAN=coverage.  TSan does not model fences, and gcc says
# so; it does not start where the kernel randomises addresses by more than 28
# bits.
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all \
	    -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread $(if $(findstring clang,$(CC)),,-Wno-tsan)
SAN_coverage := --coverage -fprofile-update=atomic -Dalways_inline=
KEEP         := $(if $(filter coverage,$(SAN)),-fkeep-inline-functions)
SAN_fuzz := $(if $(findstring afl,$(CC)),,-fsanitize=fuzzer-no-link) $(SAN_asan)
NO_ASLR   = $(shell setarch -R true 2>/dev/null && echo setarch -R)

URCU      := $(shell pkg-config --libs liburcu-bp 2>/dev/null)
COMPRESS  := $(shell pkg-config --libs liblz4 libzstd 2>/dev/null)
NL        := $(shell pkg-config --libs libnl-genl-3.0 2>/dev/null)
NL_FLAGS  := $(shell pkg-config --cflags libnl-genl-3.0 2>/dev/null)
FLAGS     := -std=c11 -D_GNU_SOURCE -DFASTIPC_VERSION='"$(VERSION)"' \
	     -Iuapi -Ilib/include -Wall -Wextra -Werror -pthread \
	     -ffunction-sections -fdata-sections \
	     $(SAN_$(SAN)) $(CPPFLAGS) $(CFLAGS)
LIB_FLAGS := -Ilib/src -fPIC -fno-semantic-interposition
LINK      := -Wl,--as-needed $(LDFLAGS)

# ---- what there is ----

objects = $(patsubst %.c,$(O)/%.o,$(wildcard $(1)))
tests   = $(patsubst %.c,$(O)/%,$(wildcard $(1:%=selftests/%/*.c)))

LIB_OBJECTS  := $(call objects,lib/src/*/*.c) \
		$(if $(filter coverage,$(SAN)),$(O)/selftests/coverage.o)
SCHEMA_OBJECTS := $(call objects,tools/schema/*.c)
SCHEMA_A     := $(O)/tools/libschema.a
TOOL_OBJECTS := $(call objects,tools/fastipc/*.c tools/bench/*.c)
GEN_OBJECTS  := $(call objects,tools/fastipc-gen/*.c)
GEN          := $(O)/bin/fastipc-gen
BENCH_A      := $(O)/tools/libbench.a
LIB_A        := $(O)/lib/libfastipc.a
LIB_SO       := $(O)/lib/libfastipc.so.$(VERSION)
LIB_LINKS    := libfastipc.so.$(SOVERSION) libfastipc.so
TOOL         := $(if $(TOOL_OBJECTS),$(O)/bin/fastipc)
HEADERS      := $(wildcard lib/include/*/*.h lib/include/*/*/*.h)
MAN_PAGES    := $(sort $(wildcard lib/man/*.[1-9]))
SCRIPTS      := .ci/run tools/deps $(wildcard tools/run tools/kmod \
		tools/packages.sh tools/bench/codec/*.sh \
		selftests/run selftests/vm/init \
		tools/*/*.sh selftests/*.sh selftests/*/*.sh) \
		$(shell grep -ls '^#!.*sh$$' tools/proof/[0-9]*)
SOURCES      := $(wildcard uapi/*/*.h lib/src/*/*.[ch] tools/*/*.[ch] \
		tools/bench/codec/*.h tools/bench/codec/*.cc \
		tools/proof/parts/*.[ch] tools/proof/node/*.[ch] \
		selftests/*.[ch] selftests/*/*.[ch]) $(HEADERS)

# What fuzz targets are named; FUZZ=codec_view picks some.
FUZZ       ?= $(filter-out replay,$(notdir $(basename \
		$(wildcard selftests/fuzz/*.c))))
# The view in place is there for races, which TSan would report.
REPLAYS     = $(call pick,$(patsubst %,$(O)/selftests/fuzz/%,\
		$(if $(filter tsan,$(SAN)),$(filter-out codec_view,$(FUZZ)),\
		$(FUZZ))))

# Each is a program or a script that prints TAP.  T=unit/ring picks some,
# SKIP='unit/ring tool.sh' leaves some out.
skip        = $(foreach t,$(1),$(if $(strip \
		$(foreach s,$(SKIP),$(findstring $s,$t))),,$t))
pick        = $(call skip,$(if $(T),\
		$(foreach t,$(1),$(if $(findstring $(T),$t),$t)),$(1)))
TESTS      := $(call pick,$(call tests,unit integration hostile codec))
SCRIPTED   := $(call pick,$(wildcard selftests/integration/*.sh \
		selftests/hostile/*.sh selftests/codec/*.sh))
TREE_TESTS := $(call pick,$(addprefix selftests/,headers.sh abi.sh manual.sh install.sh \
		install_module.sh tutorial.sh node.sh proof.sh kernel_log.sh \
		run_tree.sh deps.sh \
		$(if $(wildcard selftests/model/*.pml),model.sh)))
CLANG_TESTS := $(patsubst $(O)/%,$(O)/clang/%,\
		$(call pick,$(call tests,unit integration codec)))
STRESS     := $(call pick,$(call tests,stress))
EXAMPLES   := $(call tests,examples)
CODEC_OBJECTS := $(patsubst %.fbs,$(O)/%.fastipc.o,\
		$(wildcard selftests/codec/*.fbs tools/bench/codec/*.fbs))

# The tests of /dev/fastipc, which run in a virtual machine, and the kernels.
KSELFTESTS  = $(call pick,$(shell MAKEFLAGS= $(KSELFTEST) --eval='list:;@echo \
		$$(TEST_GEN_PROGS:$(CURDIR)/%=%)' list KSELFTEST=.))
KSELFTEST   = $(MAKE) -s --no-print-directory -C selftests/kmod \
	      CC=$(CC) UAPI=$(CURDIR)/uapi O=$(abspath $(O))/selftests/kmod
# (Not those that have nothing to do with a transport.)
VM_TESTS    = $(KSELFTESTS) $(filter $(O)/selftests/codec/service \
	      $(O)/selftests/integration/% $(O)/selftests/hostile/%,\
	      $(filter-out %/topic %/topic_waiting,$(TESTS))) \
	      $(filter-out %/bench.sh %/gen_flatc.sh %/topic_tool.sh \
	      selftests/codec/%,$(SCRIPTED)) \
	      $(call pick,$(wildcard selftests/kmod/*.sh))
VM         := debian-6.1
VM_RUNS     = $(VM:%=$(O)/selftests/vm/%)
CHECK_VMS   = $(if $(T),,$(VM_RUNS))
VM_DEPS     = vm $(if $(filter-out debian-%,$(VM)),kernel)

# ---- how it is built ----

ifneq ($(V),1)
Q   = @
say = @printf '  %-7s %s\n' $(1) $@;
endif

.DELETE_ON_ERROR:
.PHONY: all
all: lib tools ## build the library and the commands (the default)

.PHONY: lib tools
lib: $(LIB_A) $(if $(SAN),,$(LIB_SO)) ## build the library, static and shared
tools: $(TOOL) $(GEN) ## build the commands fastipc and fastipc-gen

$(O)/lib/%.o: lib/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(FLAGS) $(LIB_FLAGS) -MMD -MP -c -o $@ $<

$(O)/tools/%.o: tools/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(FLAGS) $(NL_FLAGS) -Itools -MMD -MP -c -o $@ $<

$(O)/selftests/coverage.o: selftests/coverage.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(FLAGS) -fno-profile-arcs -c -o $@ $<

$(LIB_A): $(LIB_OBJECTS)
$(SCHEMA_A): $(SCHEMA_OBJECTS)
$(LIB_A) $(SCHEMA_A) $(BENCH_A):
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

$(LIB_SO): $(LIB_OBJECTS) lib/libfastipc.map
	$(call say,LD)$(CC) $(FLAGS) $(LINK) -shared -o $@ $(LIB_OBJECTS) \
		-Wl,-soname,libfastipc.so.$(SOVERSION) -Wl,-z,defs \
		-Wl,-Bsymbolic-functions -Wl,--version-script=lib/libfastipc.map \
		$(URCU) $(COMPRESS)
	@for link in $(LIB_LINKS); do ln -sf $(@F) $(@D)/$$link; done

# The command has what it needs in itself, where there are archives of it, and
# nothing else: only pages that are used are in memory then, which is less than
# each library takes.
archive = $(or $(wildcard $(shell $(CC) -print-file-name=$(1:-l%=lib%.a))),$(1))
# What serves stands together, for the kernel maps what is around it, too.
SERVE_OBJECTS := $(patsubst %,$(O)/tools/fastipc/%.o,main serve files \
		files_stream tree memory trim arguments print)
NEEDED  = $(foreach flag,$(URCU) $(COMPRESS) $(NL),$(call archive,$(flag)))

$(O)/bin/fastipc: $(TOOL_OBJECTS) $(SCHEMA_A) $(LIB_A)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(FLAGS) $(LINK) -Wl,--gc-sections -o $@ \
		$(SERVE_OBJECTS) $(LIB_A) \
		$(filter-out $(SERVE_OBJECTS),$^) $(NEEDED) -lm

$(GEN): $(GEN_OBJECTS) $(SCHEMA_A)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(FLAGS) $(LINK) -o $@ $^

# What is made of DIR/NAME.fbs is $(O)/DIR/NAME.fastipc.[cho]; who includes it
# depends on the object, and has -I$(O)/DIR.
$(O)/%.fastipc.c $(O)/%.fastipc.h: %.fbs $(GEN)
	$(call say,GEN)$(GEN) -o $(@D) --depfile $(O)/$*.fastipc.dep $<

$(O)/%.fastipc.o: $(O)/%.fastipc.c $(O)/flags
	$(call say,CC)$(CC) $(FLAGS) $(KEEP) -Wconversion -MMD -MP -c -o $@ $<

.PRECIOUS: $(O)/%.fastipc.c $(O)/%.fastipc.h

# They include each other.
$(CODEC_OBJECTS): | $(CODEC_OBJECTS:.o=.h)

# For tests of every field: lists of them.
FIELDS      := $(O)/selftests/fields
$(FIELDS): selftests/fields.c $(filter-out %/main.o,$(GEN_OBJECTS)) $(SCHEMA_A)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(FLAGS) $(LINK) -Itools -MMD -MP -MF $@.d -o $@ \
		$(filter-out %/flags %.h,$^)

FIELD_LISTS := $(patsubst %,$(O)/selftests/codec/%.fields.h,vectors every)
$(O)/selftests/codec/vectors.fields.h: selftests/codec/vectors.fbs
$(O)/selftests/codec/every.fields.h: $(wildcard selftests/codec/*.fbs)
$(FIELD_LISTS): $(FIELDS)
	@mkdir -p $(@D)
	$(call say,LIST)$(FIELDS) $(filter %.fbs,$^) >$@

CODEC_TESTS := $(call tests,codec)
$(CODEC_TESTS): $(O)/%: %.c $(CODEC_OBJECTS) $(SCHEMA_A) $(LIB_A) $(O)/flags \
		| $(FIELD_LISTS)
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(FLAGS) $(LINK) -Ilib/src -Iselftests -Itools \
		-I$(@D) -MMD -MP -MF $@.d -o $@ $< $(CODEC_OBJECTS) \
		$(SCHEMA_A) $(LIB_A) -lcmocka $(URCU) $(COMPRESS) -lm

$(O)/selftests/%: selftests/%.c $(LIB_A) $(O)/flags
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(FLAGS) $(LINK) -Ilib/src -Iselftests \
		-MMD -MP -MF $@.d -o $@ $< $(LIB_A) -lcmocka \
		$(URCU) $(COMPRESS) -lm

# So many assertions that to optimise them would take a minute.
$(O)/selftests/codec/each_field: private FLAGS += -O0

# Those that try the schema compiler have its parts, too.
SCHEMA_TESTS := $(patsubst %.c,$(O)/%,$(wildcard selftests/unit/schema*.c \
		selftests/unit/reflect*.c))
$(SCHEMA_TESTS): $(O)/%: %.c $(SCHEMA_A) $(O)/flags
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(FLAGS) $(LINK) -Iselftests -Itools \
		-MMD -MP -MF $@.d -o $@ $< $(SCHEMA_A) -lcmocka

# And those that try what measures have parts of that; the rest they make up.
BENCH_TESTS := $(patsubst %.c,$(O)/%,$(wildcard selftests/unit/bench_*.c))
$(BENCH_A): $(filter $(O)/tools/bench/%,$(TOOL_OBJECTS))
$(BENCH_TESTS): $(O)/%: %.c $(BENCH_A) $(LIB_A) $(O)/flags
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(FLAGS) $(LINK) -Iselftests -Itools \
		-MMD -MP -MF $@.d -o $@ $< $(BENCH_A) $(LIB_A) -lcmocka \
		$(URCU) $(COMPRESS) -lm

# Fuzz targets: as programs that replay a corpus, and with libFuzzer.
FUZZ_ALL    := $(patsubst %.c,$(O)/%,$(filter-out %/replay.c,\
		$(wildcard selftests/fuzz/*.c)))
FUZZ_PARTS  := $(patsubst %,$(O)/selftests/codec/%.fastipc.o,\
		vectors evolve_v1 evolve_v2) $(SCHEMA_A) $(LIB_A)
FUZZ_FLAGS   = $(FLAGS) $(LINK) -Ilib/src -Iselftests -Iselftests/codec -Itools \
		-I$(O)/selftests/codec -MMD -MP -MF $@.d
$(FUZZ_ALL): $(O)/%: %.c selftests/fuzz/replay.c $(FUZZ_PARTS) $(O)/flags \
		| $(FIELD_LISTS)
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(FUZZ_FLAGS) -o $@ $< selftests/fuzz/replay.c \
		$(FUZZ_PARTS) $(URCU) $(COMPRESS) -lm

$(FUZZ_ALL:%=%.fuzz): $(O)/%.fuzz: %.c $(FUZZ_PARTS) $(O)/flags \
		| $(FIELD_LISTS)
	@mkdir -p $(@D)
	$(call say,FUZZ)$(CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< \
		$(FUZZ_PARTS) $(URCU) $(COMPRESS) -lm

# Holds the compiler and its flags: when they change, all is built again.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CC) $(FLAGS) $(KEEP) $(LINK))' | \
		cmp -s - $@ || \
		echo '$(subst ','\'',$(CC) $(FLAGS) $(KEEP) $(LINK))' >$@
FORCE:

-include $(patsubst %.o,%.d,$(LIB_OBJECTS) $(TOOL_OBJECTS) $(SCHEMA_OBJECTS))
-include $(GEN_OBJECTS:.o=.d) $(CODEC_OBJECTS:.o=.d) $(CODEC_OBJECTS:.o=.dep)
-include $(addsuffix .d,$(TESTS) $(STRESS) $(EXAMPLES))
-include $(FIELDS).d $(FUZZ_ALL:=.d) $(FUZZ_ALL:=.fuzz.d)

include tools/bench/codec/codec.mk
include tools/node/node.mk
include tools/proof/proof.mk

# ---- how it is tried ----

# What may install packages comes first, then make again, which reads anew what
# is there; on all CPUs, unless the caller has said -j.
again = $(MAKE) --no-print-directory \
	$(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: deps run check check-asan check-tsan stress model bench
deps: ## install what is missing to build, test and check (apt)
	@tools/deps run check lint

run: ## move the files below DIR between two processes, and compare
	@tools/deps run
	+@$(again) tools
	@FASTIPC=$(abspath $(O)/bin/fastipc) tools/run '$(DIR)'

check: ## run all tests, built by gcc and clang; T=NAME for some, SKIP=NAME
	@tools/deps run check $(if $(CHECK_VMS),$(VM_DEPS))
	+@$(again) checked

check-asan: ## run the tests under AddressSanitizer and UBSan
	@tools/deps run check
	+@$(again) SAN=asan O=$(O)/asan tested

check-tsan: ## run the tests under ThreadSanitizer
	@tools/deps run check
	+@TSAN_OPTIONS='suppressions=$(CURDIR)/selftests/tsan.supp' $(NO_ASLR) \
		$(again) SAN=tsan O=$(O)/tsan tested

.PHONY: coverage covered
coverage: ## print which lines and branches the tests reach
	@tools/deps run check coverage
	+@$(again) SAN=coverage O=$(O)/coverage CC=gcc \
		CFLAGS='-O0 -g -w' covered

stress: $(STRESS) $(TOOL) ## run the long tests
	@O=$(O) TEST_TIMEOUT=1800 selftests/run $(STRESS)

.PHONY: fuzz fuzz-afl fuzzers replays
fuzz: ## fuzz each target (or FUZZ=NAME) for T=60 seconds
	@tools/deps run check fuzz
	+@$(again) SAN=fuzz O=$(O)/fuzz CC=$(CLANG) \
		CFLAGS='-O1 -g' fuzzers
	@O=$(O)/fuzz selftests/fuzz/run.sh $(or $(T),60) $(FUZZ)

fuzz-afl: ## the same by AFL++, if that is installed
	@command -v afl-clang-fast >/dev/null || \
		{ echo 'install afl++ first' >&2; exit 1; }
	+@$(again) SAN=fuzz O=$(O)/fuzz-afl CC=afl-clang-fast \
		CFLAGS='-O1 -g' replays
	@ENGINE=afl O=$(O)/fuzz-afl selftests/fuzz/run.sh $(or $(T),60) $(FUZZ)

fuzzers: replays $(FUZZ:%=$(O)/selftests/fuzz/%.fuzz)
replays: $(FUZZ:%=$(O)/selftests/fuzz/%)

model: ## check the models of the protocols with SPIN
	@O=$(O) selftests/run selftests/model.sh

bench: tools ## measure the numbers of the README
	@FASTIPC=$(abspath $(O)/bin/fastipc) tools/bench/readme.sh

.PHONY: bench-vm bench-vm-run
bench-vm: ## measure kmod against memfd in a virtual machine
	@tools/deps run $(VM_DEPS)
	+@$(again) bench-vm-run

bench-vm-run: export VM_FILES := $(patsubst %,$(O)/selftests/kmod/%,\
	swap_bench signals lifetime)
bench-vm-run: tools kselftests
	$(call vm_prepare,$(O)/vm/bench,$(firstword $(VM)),tools/bench/kmod.sh)
	@selftests/vm/boot.sh $(O)/vm/bench | sed -n '/^not ok/p; s/^# |/|/p'
	$(call vm_prepare,$(O)/vm/count,$(firstword $(VM)),tools/bench/count.sh)
	@VM_COUNT=1 selftests/vm/boot.sh $(O)/vm/count | \
		sed -n '/^not ok/p; s/^# |/|/p'

.PHONY: checked tested clang-tests
checked: all $(TESTS) $(REPLAYS) $(EXAMPLES) $(NODE_TESTED) clang-tests $(CHECK_VMS)
	@O=$(O) CC=$(CC) selftests/run $(TESTS) $(REPLAYS) $(SCRIPTED) \
		$(TREE_TESTS) $(CLANG_TESTS) $(CHECK_VMS)

tested: tools $(TESTS) $(REPLAYS)
	@O=$(O) selftests/run $(TESTS) $(REPLAYS) $(SCRIPTED)

# The counts of earlier runs would be added to.
covered: tools $(TESTS) $(REPLAYS)
	@find $(O) -name '*.gcda' -delete
	@O=$(O) selftests/run $(TESTS) $(REPLAYS) $(SCRIPTED) \
		>$(O)/tests.log 2>&1; sed -n '/^FAILED/p; $$p' $(O)/tests.log
	@selftests/coverage.py $(O)

clang-tests:
	+@$(again) O=$(O)/clang CC=$(CLANG) tools \
		$(CLANG_TESTS)

.PHONY: lint lint-deps man-check
lint: man-check kmod-lint $(CODEC_OBJECTS) $(FIELD_LISTS) $(PROOF_MESSAGES) $(PROOF_EDITOR).fastipc.o ## check style, suspicious code, scripts and licences
	$(call say,FORMAT)clang-format --dry-run -Werror $(SOURCES)
	$(call say,SPDX)! grep -L SPDX-License-Identifier $(SOURCES) $(SCRIPTS) \
		Kbuild $(wildcard kmod/* selftests/vm/config/*) \
		$(MAN_PAGES) $(wildcard selftests/model/*.pml \
		tools/proof/*.py selftests/*.py) tools/proof/run $(PROOF_SECTIONS) | grep .
	$(call say,SHELL)shellcheck $(SCRIPTS)
	$(call say,TIDY)printf '%s\n' $(filter-out selftests/kmod/% $(TIDY_LONG) \
		$(if $(NODE_HEADERS),,tools/node/%),$(filter %.c,$(SOURCES))) | \
		xargs -P "$$(nproc)" -I{} clang-tidy --quiet {} -- \
		$(FLAGS) $(NL_FLAGS) $(NODE_FLAGS) -Ilib/src -Itools -Iselftests \
		-Iselftests/codec -I$(O)/selftests/codec -I$(O)/tools/proof \
		-I$(O)/tools/proof/node

# Each field of all schemas in one file takes the analyzer minutes.
TIDY_LONG = selftests/codec/each_field.c

lint-deps:
	@tools/deps run lint vm

man-check: lint-deps ## check the man pages
	$(if $(MAN_PAGES),$(call say,MAN)mandoc -T lint -W warning $(MAN_PAGES))

# ---- the kernel module, and virtual machines to try it in ----

.PHONY: kmod kmod-install kmod-uninstall kmod-lint kselftests
kmod: ## build the kernel module, for the running kernel or KDIR
	@tools/deps run
	$(Q)O=$(O) KDIR=$(KDIR) tools/kmod build

kmod-install: ## install the kernel module (with DKMS, if it is there)
	@tools/deps run install
	$(Q)O=$(O) KDIR=$(KDIR) tools/kmod install

kmod-uninstall: ## remove what kmod-install installed
	$(Q)O=$(O) KDIR=$(KDIR) tools/kmod uninstall

kmod-lint: lint-deps ## check the module with checkpatch, sparse and all warnings
	$(Q)O=$(O) KDIR=$(or $(KDIR),$$(selftests/vm/kernel.sh debian-6.1)/build) \
		KSELFTEST=$$(selftests/vm/kernel.sh kselftest) tools/kmod lint

kselftests:
	+$(Q)headers=$$(selftests/vm/kernel.sh kselftest) && $(KSELFTEST) \
		KSELFTEST=$$headers/tools/testing/selftests

# $(call vm_prepare,DIRECTORY,KERNEL,TESTS,ARGUMENTS of tools/kmod build)
define vm_prepare
	@mkdir -p $(1)
	$(call say,VM)kernel=$$(selftests/vm/kernel.sh $(2)) && \
		module=$$(O=$(O) KDIR=$$kernel/build $(5) tools/kmod build $(4)) && \
		O=$(O) MODULE=$$module selftests/vm/prepare.sh $(1) $$kernel $(3)
endef

# Boots the kernel % and runs the tests there; it prints TAP.
$(O)/selftests/vm/%: FORCE tools kselftests $(TESTS)
	$(call vm_prepare,$(O)/vm/$*,$*,$(VM_TESTS))
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec selftests/vm/boot.sh %s\n' $(O)/vm/$* >$@
	@chmod +x $@

.PHONY: vm check-vm check-debug check-kcsan check-kernels vm-shell vm-tested
vm: ## try /dev/fastipc in a virtual machine, without root
	@tools/deps run $(VM_DEPS)
	+@$(again) vm-shell

vm-shell: tools
	$(call vm_prepare,$(O)/vm/shell,$(firstword $(VM)),)
	@selftests/vm/boot.sh $(O)/vm/shell shell

check-vm: ## run the tests in virtual machines with the kernels of VM
	@tools/deps run check $(VM_DEPS)
	+@$(again) vm-tested

check-debug: export VM_TIMEOUT ?= 9000
check-debug: ## run them with KASAN, lockdep, kmemleak, faults injected
	+@$(MAKE) --no-print-directory check-vm VM=debug-6.1

check-kcsan: ## run them with KCSAN, which finds data races
	+@$(MAKE) --no-print-directory check-vm VM=kcsan-6.1

check-kernels: ## run them with Linux 6.12, the newest 7.x and 6.1-rt
	+@$(MAKE) --no-print-directory check-vm \
		VM='debian-6.12 plain-7 debian-6.1-rt'

vm-tested: $(VM_RUNS)
	@O=$(O) selftests/run $^

.PHONY: kmod-coverage kmod-covered
kmod-coverage: ## print which lines of the module the tests reach
	@tools/deps run check vm kernel
	+@$(again) kmod-covered

kmod-covered: tools kselftests $(TESTS)
	$(call vm_prepare,$(O)/vm/coverage,debug-6.1,$(VM_TESTS),GCOV_PROFILE=y,\
		SUFFIX=-gcov)
	@selftests/vm/boot.sh $(O)/vm/coverage
	@selftests/vm/coverage.sh $(O)/vm/coverage

# ---- how it is installed ----

# Installed files, DESTDIR before each; what `uninstall` removes.  The module's
# ABI is the library's, too: states of channels, and the control page.
ABI_HEADER := uapi/linux/fastipc.h
man_target = $(mandir)/man$(subst .,,$(suffix $(1)))/$(notdir $(1))
INSTALLED = $(bindir)/fastipc $(bindir)/fastipc-gen $(libdir)/libfastipc.a \
	    $(libdir)/$(notdir $(LIB_SO)) $(LIB_LINKS:%=$(libdir)/%) \
	    $(libdir)/pkgconfig/libfastipc.pc \
	    $(HEADERS:lib/include/%=$(includedir)/%) \
	    $(ABI_HEADER:uapi/%=$(includedir)/%) \
	    $(foreach page,$(MAN_PAGES),$(call man_target,$(page)))

.PHONY: install uninstall clean help
install: all ## install to prefix (/usr/local), below DESTDIR
	$(call say,INSTALL)install -D -t $(DESTDIR)$(bindir) $(TOOL) $(GEN)
	$(Q)install -D -t $(DESTDIR)$(libdir) $(LIB_SO)
	$(Q)install -D -t $(DESTDIR)$(libdir) -m 644 $(LIB_A)
	$(Q)for link in $(LIB_LINKS); do \
		ln -sf $(notdir $(LIB_SO)) $(DESTDIR)$(libdir)/$$link; done
	$(Q)$(foreach header,$(HEADERS),install -D -m 644 $(header) \
		$(DESTDIR)$(header:lib/include/%=$(includedir)/%) &&) :
	$(Q)install -D -m 644 $(ABI_HEADER) \
		$(DESTDIR)$(ABI_HEADER:uapi/%=$(includedir)/%)
	$(Q)install -d $(DESTDIR)$(libdir)/pkgconfig
	$(Q)sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' \
		-e 's|@includedir@|$(includedir)|' -e 's|@version@|$(VERSION)|' \
		lib/libfastipc.pc.in >$(DESTDIR)$(libdir)/pkgconfig/libfastipc.pc
	$(Q)$(foreach page,$(MAN_PAGES),install -D -m 644 $(page) \
		$(DESTDIR)$(call man_target,$(page)) &&) :

uninstall: ## remove what `make install` put there
	$(call say,REMOVE)rm -f $(INSTALLED:%=$(DESTDIR)%)
	$(Q)rmdir $(DESTDIR)$(includedir)/fastipc/codec \
		$(DESTDIR)$(includedir)/fastipc \
		$(DESTDIR)$(includedir)/linux 2>/dev/null || :

clean: ## remove what was built
	rm -rf $(O)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^=]*## /\1\t/p' Makefile \
		tools/bench/codec/codec.mk tools/node/node.mk \
		tools/proof/proof.mk | expand -t 15
	@echo 'Variables: CC, CFLAGS, V=1 (whole commands), SAN=asan|tsan,'
	@echo 'O (build directory), prefix, DESTDIR, libdir, DIR (for run),'
	@echo 'QUICK=1, MINUTES, RUNS, SECTIONS, CHECK=1, README (for proof),'
	@echo 'KDIR (headers of a kernel), VM (kernels to boot: debian-6.1, debug-6.1,'
	@echo 'kcsan-6.1, debian-6.12, plain-7, debian-6.1-rt).'
