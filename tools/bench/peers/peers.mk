# SPDX-License-Identifier: MIT
#
# The programs that measure other ways to talk between processes beside
# fastipc, one for each: included by tools/proof/peers.mk.  They need libraries
# that nothing else of fastipc needs; only `make proof` builds them, and leaves
# out those whose library is not there.

PEERS_DIR     := tools/bench/peers
PEERS_OUT     := $(O)/$(PEERS_DIR)
PEERS_DRIVER  := $(addprefix $(O)/tools/bench/,peers/driver.o peers/measure.o \
		 peers/descriptors.o histogram.o payload.o placement.o probe.o \
		 process.o ticks.o watchdog.o)
PEERS_CXX      = $(CXX) -std=c++17 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread \
		 $(CPPFLAGS) $(CFLAGS) -isystem $(PEERS_OUT) -MMD -MP

# What each needs: a header that tells that it is there, and libraries.
PEERS_PLAIN    := fastipc ring pipe unix mq tcp
PEER_zeromq    := zmq.h -lzmq
PEER_nng       := nng/nng.h -lnng
PEER_libqb     := qb/qbipcc.h -lqb
PEER_iceoryx   := iceoryx_binding_c/server.h -liceoryx_binding_c
PEER_boost     := boost/interprocess/ipc/message_queue.hpp
PEER_grpc       = grpcpp/grpcpp.h $(shell pkg-config --libs grpc++ protobuf)
PEER_capnp     := capnp/ez-rpc.h -lcapnp-rpc -lcapnp -lkj-async -lkj
PEERS_OTHERS   := zeromq nng libqb iceoryx boost grpc capnp

# Debian has its headers by version.
PEERS_SYSTEM   := $(addprefix -isystem ,$(wildcard /usr/include/iceoryx/*))

peer_found      = $(shell $(CXX) -E $(PEERS_SYSTEM) \
		  -include $(firstword $(PEER_$(1))) -x c++ /dev/null >/dev/null 2>&1 && echo $(1))
PEERS_FOUND     = $(foreach peer,$(PEERS_OTHERS),$(call peer_found,$(peer)))
PEERS_PROGRAMS  = $(addprefix $(PEERS_OUT)/,$(PEERS_PLAIN) $(PEERS_FOUND))

.PHONY: peers peers-deps
proof: | peers-deps
peers-deps:
	@tools/deps run peers || echo 'some peers will not be measured' >&2

# (What is there is looked for when this runs, not whenever make does.)
PROOF_PROGRAMS += peers
peers: $(LIB_A)
	+@$(MAKE) --no-print-directory $(PEERS_PROGRAMS)

$(PEERS_OUT)/%.o: $(PEERS_DIR)/%.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(FLAGS) -Itools $(PEERS_SYSTEM) -MMD -MP -c -o $@ $<

$(PEERS_OUT)/%.o: $(PEERS_DIR)/%.cc $(O)/flags
	@mkdir -p $(@D)
	$(call say,CXX)$(PEERS_CXX) -c -o $@ $<

$(PEERS_OUT)/%.o: $(PEERS_OUT)/%.cc
	$(call say,CXX)$(PEERS_CXX) -c -o $@ $<

$(PEERS_OUT)/%.o: $(PEERS_OUT)/%.c++
	$(call say,CXX)$(PEERS_CXX) -c -o $@ -x c++ $<

$(PEERS_OUT)/%.pb.cc $(PEERS_OUT)/%.grpc.pb.cc: $(PEERS_DIR)/%.proto
	@mkdir -p $(@D)
	$(call say,GEN)protoc -I$(<D) --cpp_out=$(@D) --grpc_out=$(@D) \
		--plugin=protoc-gen-grpc="$$(command -v grpc_cpp_plugin)" $<

$(PEERS_OUT)/%.capnp.c++: $(PEERS_DIR)/%.capnp
	@mkdir -p $(@D)
	$(call say,GEN)capnp compile --src-prefix=$(<D) -oc++:$(@D) $<

$(PEERS_OUT)/grpc.o: $(PEERS_OUT)/echo.pb.cc
$(PEERS_OUT)/capnp.o: $(PEERS_OUT)/echo.capnp.c++
$(PEERS_OUT)/grpc: $(addprefix $(PEERS_OUT)/,echo.pb.o echo.grpc.pb.o)
$(PEERS_OUT)/capnp: $(PEERS_OUT)/echo.capnp.o

$(addprefix $(PEERS_OUT)/,$(PEERS_PLAIN) $(PEERS_OTHERS)): %: %.o \
		$(PEERS_DRIVER) $(LIB_A)
	$(call say,LD)$(CXX) $(CFLAGS) $(LINK) -pthread -o $@ $^ \
		$(filter -l%,$(PEER_$(@F))) $(URCU) $(COMPRESS) -lm

.SECONDARY: $(addprefix $(PEERS_OUT)/,echo.pb.cc echo.grpc.pb.cc \
	echo.capnp.c++)
-include $(wildcard $(PEERS_OUT)/*.d)

PEERS_SOURCES := $(wildcard $(PEERS_DIR)/*.[ch] $(PEERS_DIR)/*.cc)

# (Not those that need headers that may not be there.)
.PHONY: peers-lint
lint: peers-lint
peers-lint: | lint-deps
	$(call say,FORMAT)clang-format --dry-run -Werror $(PEERS_SOURCES)
	$(call say,SPDX)! grep -L SPDX-License-Identifier $(PEERS_SOURCES) \
		$(wildcard $(PEERS_DIR)/*.mk $(PEERS_DIR)/echo.*) | grep .
	$(call say,TIDY)clang-tidy --quiet $(addprefix $(PEERS_DIR)/,driver.c \
		measure.c descriptors.c $(PEERS_PLAIN:=.c)) -- $(FLAGS) -Itools
