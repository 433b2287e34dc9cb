# SPDX-License-Identifier: MIT
#
# fastipc-bench-codec, a program of C++ and C that measures the codec against
# other formats: included by the Makefile.  It needs libraries that nothing
# else of fastipc needs; only `make bench-codec` builds it.
#
# All of it is built with the same flags: the code that is generated of the
# schemas for each format, simdjson and FlatBuffers, which are headers, and
# ours.  Cap'n Proto, protobuf-c, MessagePack and yyjson are Debian's.

CODEC_BENCH          := tools/bench/codec
CODEC_BENCH_OUT      := $(O)/$(CODEC_BENCH)
CODEC_BENCH_SCHEMAS  := $(patsubst $(CODEC_BENCH)/%.fbs,%,\
			$(wildcard $(CODEC_BENCH)/*.fbs))
CODEC_BENCH_FORMATS  := load writer yyjson simdjson flatbuffers capnp protobuf \
			msgpack
CODEC_BENCH_CFLAGS   ?= -O3 -march=native -g
CODEC_BENCH_LIBS      = $(eval CODEC_BENCH_LIBS := \
			$$(shell $(CODEC_BENCH)/libraries.sh))$(CODEC_BENCH_LIBS)
CODEC_BENCH_FLAGS     = -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function \
			-I$(CODEC_BENCH) -I$(CODEC_BENCH_OUT) -Iuapi \
			-Ilib/include -Ilib/src \
			-isystem $(CODEC_BENCH_LIBS)/include \
			$(CODEC_BENCH_CFLAGS) \
			-DCODEC_CORPUS='"$(abspath $(CODEC_BENCH)/corpus)"'

# Of each schema: what generate.py and the others' compilers make.
codec_of              = $(CODEC_BENCH_SCHEMAS:%=$(CODEC_BENCH_OUT)/$(1))
CODEC_BENCH_COMPILED := $(call codec_of,%.compiled)
CODEC_BENCH_OBJECTS  := $(patsubst %.cc,$(O)/%.o,\
			$(wildcard $(CODEC_BENCH)/*.cc)) \
			$(foreach format,$(CODEC_BENCH_FORMATS) fastipc unchecked,\
			$(call codec_of,%_$(format).o)) \
			$(call codec_of,%.capnp.o) $(call codec_of,%.pb-c.o)

.PHONY: bench-codec bench-codec-run
bench-codec: ## measure the codec against other formats
	@tools/deps run codec-bench
	+@$(again) bench-codec-run

bench-codec-run: tools $(O)/bin/fastipc-bench-codec
	@$(O)/bin/fastipc bench codec

$(CODEC_BENCH_OUT)/%.compiled: $(CODEC_BENCH)/%.fbs $(CODEC_BENCH)/generate.py \
		$(wildcard $(CODEC_BENCH)/formats/*.py) \
		$(CODEC_BENCH_OUT)/%.fastipc.c
	@mkdir -p $(@D)
	$(call say,GEN)$(CODEC_BENCH)/generate.py $< $(@D)
	$(Q)flatc --cpp -o $(@D) $<
	$(Q)cd $(@D) && capnp compile -oc++ $*.capnp && \
		protoc-c --c_out=. $*.proto
	@touch $@

# These come with it.
$(CODEC_BENCH_OUT)/%.pb-c.o $(CODEC_BENCH_OUT)/%.capnp.o: $(CODEC_BENCH_OUT)/%.compiled
	$(call say,CXX)$(CC) $(CODEC_BENCH_FLAGS) -c -o $(CODEC_BENCH_OUT)/$*.pb-c.o \
		$(CODEC_BENCH_OUT)/$*.pb-c.c
	$(Q)$(CXX) -std=c++17 $(CODEC_BENCH_FLAGS) -c -o $(CODEC_BENCH_OUT)/$*.capnp.o \
		-x c++ $(CODEC_BENCH_OUT)/$*.capnp.c++

define codec_format
$(CODEC_BENCH_OUT)/%_$(1).o: $(CODEC_BENCH_OUT)/%.compiled
	$$(call say,CXX)$$(CXX) -std=c++17 $$(CODEC_BENCH_FLAGS) -MMD -MP -c -o $$@ \
		$(CODEC_BENCH_OUT)/$$*_$(1).cc
endef
$(foreach format,$(CODEC_BENCH_FORMATS),$(eval $(call codec_format,$(format))))

# Of the same names twice, once without the check of UTF-8: all but the table
# of what main.cc calls is made local.
$(CODEC_BENCH_OUT)/%_fastipc.o: $(CODEC_BENCH_OUT)/%.compiled
	$(call say,CC)$(CC) -std=c11 $(CODEC_BENCH_FLAGS) -MMD -MP -c -o $@ \
		$(CODEC_BENCH_OUT)/$*_fastipc.c
	$(Q)objcopy --keep-global-symbol=$*_fastipc_ops $@

$(CODEC_BENCH_OUT)/%_unchecked.o: $(CODEC_BENCH_OUT)/%.compiled
	$(call say,CC)$(CC) -std=c11 $(CODEC_BENCH_FLAGS) -DFASTIPC_CODEC_UTF8=0 \
		-MMD -MP -c -o $@ $(CODEC_BENCH_OUT)/$*_fastipc.c
	$(Q)objcopy --keep-global-symbol=$*_unchecked_ops \
		--redefine-sym $*_fastipc_ops=$*_unchecked_ops $@

$(O)/$(CODEC_BENCH)/%.o: $(CODEC_BENCH)/%.cc
	@mkdir -p $(@D)
	$(call say,CXX)$(CXX) -std=c++17 $(CODEC_BENCH_FLAGS) -MMD -MP -c -o $@ $<

$(O)/bin/fastipc-bench-codec: $(CODEC_BENCH_OBJECTS) $(LIB_A)
	@mkdir -p $(@D)
	$(call say,LD)$(CXX) -o $@ $^ -L$(CODEC_BENCH_LIBS)/lib \
		-Wl,-rpath,$(CODEC_BENCH_LIBS)/lib -lyyjson -lsimdjson_static \
		-lcapnp -lkj -lprotobuf-c -lmsgpackc $(URCU) $(COMPRESS) -pthread

.SECONDARY: $(CODEC_BENCH_COMPILED)
-include $(wildcard $(CODEC_BENCH_OUT)/*.d)
