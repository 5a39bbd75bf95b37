# relay-guard: GNU make, one Makefile. `make help` lists what it can do.
#
# VARIANT chooses compiler and instrumentation; each has a folder of its own under
# build/, so that they never mix: gcc (default), clang, asan, tsan, fuzz.

VERSION := 0.1.0
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
VARIANT ?= gcc
V ?= 0

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

B := build/$(VARIANT)
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' $(1) $(2))

# --- compilers -------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wredundant-decls \
	-Wformat=2 -Wvla -Wundef -Wnull-dereference -Wimplicit-fallthrough -Wswitch-enum -Wconversion
WARN_GCC := -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wformat-signedness \
	-Wformat-truncation=2
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now

CC_gcc := gcc
CFLAGS_gcc := -O2 -g $(HARDEN) $(WARN_GCC)
LDFLAGS_gcc := $(LDHARDEN)
CC_clang := clang
CFLAGS_clang := -O2 -g $(HARDEN)
LDFLAGS_clang := $(LDHARDEN)
CC_asan := gcc
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all -Wno-null-dereference
LDFLAGS_asan := -fsanitize=address,undefined
CC_tsan := gcc
CFLAGS_tsan := -O1 -g -fsanitize=thread -Wno-null-dereference
LDFLAGS_tsan := -fsanitize=thread
CC_fuzz := clang
CFLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
ifeq ($(origin CC),default)
CC := $(CC_$(VARIANT))
endif
ifeq ($(CC),)
$(error VARIANT=$(VARIANT): there are gcc, clang, asan, tsan and fuzz)
endif

# WERROR= builds with a compiler that warns of other things.
WERROR ?= -Werror
CPPFLAGS += -Iinclude -I$(B)/gen -D_GNU_SOURCE -DVERSION='"$(VERSION)"'
ALL_CFLAGS = -std=c11 -pthread $(WARN) $(WERROR) $(CFLAGS_$(VARIANT)) $(CFLAGS)
ALL_LDFLAGS = -pthread $(LDFLAGS_$(VARIANT)) $(LDFLAGS)
# The guard itself; everything that does not speak to libmilter links with LIBS alone.
LIBS := -ljansson -lidn2 -lunistring -lssl -lcrypto -lspf2 -lunbound -lopendkim -lhiredis -lpsl
LIBS_DAEMON := -lmilter -lsystemd

# --- what there is to build -------------------------------------------------

SRC := $(wildcard milter/*/*.c)
DAEMON_SRC := $(wildcard milter/daemon/*.c)
GEN_OBJ := $(B)/gen/conf/grammar.o $(B)/gen/conf/lexer.o
LIB_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out $(DAEMON_SRC),$(SRC))) $(GEN_OBJ)
DAEMON_OBJ := $(patsubst %.c,$(B)/%.o,$(DAEMON_SRC))
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH := $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(wildcard tests/bench/bench_*.c))
TOOLS := $(patsubst tests/tools/%.c,$(B)/tests/tools/%,$(wildcard tests/tools/*.c))
MAN := $(wildcard conf/man/*.[158])

.PHONY: all
all: $(if $(filter gcc,$(VARIANT)),build/relay-guard,$(B)/relay-guard)

build/relay-guard: build/gcc/relay-guard
	$(Q)ln -f $< $@

$(B)/relay-guard: $(B)/milter/main.o $(DAEMON_OBJ) $(B)/libguard.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_DAEMON) $(LIBS)

$(B)/libguard.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# For the daemon's unit tests: an archive, of which only what they call is linked, so no libmilter.
$(B)/libdaemon.a: $(DAEMON_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/conf/grammar.c: milter/conf/grammar.y
	$(call say,BISON,$<)
	$(Q)mkdir -p $(@D)
	$(Q)bison -Werror -o $@ --header=$(B)/gen/conf/grammar.h $<

$(B)/gen/conf/lexer.c: milter/conf/lexer.l $(B)/gen/conf/grammar.c
	$(call say,FLEX,$<)
	$(Q)flex --header-file=$(B)/gen/conf/lexer.h -o $@ $<

# Generated code is not ours to warn of.
$(GEN_OBJ): $(B)/gen/%.o: $(B)/gen/%.c $(B)/gen/conf/lexer.c
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Imilter/conf $(ALL_CFLAGS) -Wno-conversion -Wno-switch-enum \
	    -Wno-sign-conversion -Wno-null-dereference -Wno-missing-prototypes \
	    -Wno-redundant-decls -Wno-sign-compare -Wno-unused-function -MMD -MP -c -o $@ $<

$(patsubst milter/conf/%.c,$(B)/milter/conf/%.o,$(wildcard milter/conf/*.c)): | $(B)/gen/conf/lexer.c

$(UNIT): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libdaemon.a $(B)/libguard.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(FUZZ): $(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libguard.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BENCH): $(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/libguard.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lmilter

$(TOOLS): $(B)/tests/tools/%: $(B)/tests/tools/%.o $(B)/libguard.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lmilter

.PHONY: unit fuzzers benches tools
unit: $(UNIT)
fuzzers: $(FUZZ)
benches: $(BENCH)
tools: $(TOOLS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- what it can do -----------------------------------------------------------

.PHONY: help
help:
	@echo 'make                the executable: build/relay-guard'
	@echo 'make VARIANT=NAME   another build: clang, asan, tsan, fuzz (in build/NAME)'
	@echo 'make deps           installs what Debian 12 needs for all of this'
	@echo 'make demo           the guard before a real Postfix, and the self-test'
	@echo 'make check          every test; the last line counts them'
	@echo 'make check-PART     one part: unit, cases, conf, audit, dns, daemon, live, fuzz, bench, style'
	@echo 'make lint           clang-format, clang-tidy, cppcheck, shellcheck, codespell, mandoc'
	@echo 'make format         formats the code'
	@echo 'make fuzz           each fuzz target for ten minutes'
	@echo 'make soak           a million odd addresses through each mail server: hours'
	@echo 'make soak-audit     the audit against each mail server over random configurations: hours'
	@echo 'make bench          speeds, each as a ratio to a floor: minutes'
	@echo 'make install        to PREFIX=$(PREFIX), below DESTDIR'

.PHONY: deps
deps:
	$(Q)tests/lib/deps.sh

.PHONY: demo
demo: deps all
	$(Q)tests/live/sandbox.sh --host-net postfix tests/live/demo.py

VARIANT_MAKE = $(MAKE) --no-print-directory V=$(V)
.PHONY: test-programs test-fuzzers
test-programs:
	+$(Q)$(VARIANT_MAKE) VARIANT=gcc all unit tools benches
	+$(Q)$(VARIANT_MAKE) VARIANT=clang build/clang/relay-guard
	+$(Q)$(VARIANT_MAKE) VARIANT=asan unit tools build/asan/relay-guard
	+$(Q)$(VARIANT_MAKE) VARIANT=tsan unit build/tsan/relay-guard
test-fuzzers:
	+$(Q)$(VARIANT_MAKE) VARIANT=fuzz fuzzers

.PHONY: check
check: deps test-programs test-fuzzers
	$(Q)tests/lib/list.sh | tests/lib/run.sh

.PHONY: check-unit check-cases check-conf check-audit check-dns check-daemon check-live check-fuzz check-bench check-style
check-unit check-cases check-conf check-audit check-dns check-daemon check-live check-bench check-style: test-programs
	$(Q)tests/lib/list.sh $(@:check-%=%) | tests/lib/run.sh
check-fuzz: test-fuzzers
	$(Q)tests/lib/list.sh fuzz | tests/lib/run.sh

.PHONY: fuzz
fuzz: test-fuzzers
	$(Q)FUZZ_SECONDS=600 tests/lib/list.sh fuzz | TEST_SECONDS=86400 tests/lib/run.sh

# SOAK=N: that many addresses. They are new ones each day.
SOAK ?= 1000000
.PHONY: soak
soak: deps all
	$(Q)for m in postfix sendmail; do \
	    echo "$$m.soak tests/live/sandbox.sh $$m tests/live/test_property.py $$m $(SOAK)"; \
	done | TEST_SECONDS=86400 tests/lib/run.sh

# AUDIT_CASES=N: so many listeners of random configurations of Postfix, and a fifth as many configurations of Sendmail, on
# which the audit and the server must agree. They are new ones each day.
AUDIT_CASES ?= 20000
.PHONY: soak-audit
soak-audit: deps all
	$(Q)for m in "postfix $(AUDIT_CASES)" "sendmail $$(( ($(AUDIT_CASES) + 4) / 5 ))"; do \
	    echo "$${m% *}.soak_audit tests/live/sandbox.sh $${m% *} tests/live/$${m% *}_property.py $$m"; \
	done | TEST_SECONDS=86400 tests/lib/run.sh

.PHONY: bench
bench: deps all tools benches
	$(Q)for b in $(BENCH); do $$b || exit 1; echo; done
	$(Q)tests/bench/milter.py
	@echo
	$(Q)tests/live/sandbox.sh postfix tests/bench/postfix.py
	@echo
	$(Q)tests/live/sandbox.sh --with opendkim --with rspamd postfix tests/bench/auth.py

C_FILES = $(shell git ls-files '*.c' '*.h')
.PHONY: format lint
format:
	$(Q)clang-format -i $(C_FILES)

lint: all
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(Q)printf '%s\n' $(SRC) milter/main.c | xargs -P 2 -I{} clang-tidy --quiet {} -- \
	    -std=c11 $(subst ',,$(subst ",\",$(CPPFLAGS)))
	$(Q)cppcheck --quiet --enable=warning,performance,portability --inline-suppr \
	    --error-exitcode=1 -Iinclude -DVERSION='""' milter
	$(Q)shellcheck $(shell git ls-files '*.sh') .ci/run
	$(Q)codespell --quiet-level=2 --ignore-words-list=nd,nin,optoins,bu,fo $(shell git ls-files | grep -v tests/fuzz/corpus)
	$(Q)mandoc -T lint -W warning $(MAN)

# systemd, tmpfiles, sysusers and logrotate look in these places, for /usr and for /usr/local.
.PHONY: install
install: all
	install -D -m 755 build/relay-guard $(DESTDIR)$(PREFIX)/sbin/relay-guard
	for m in $(MAN); do install -D -m 644 $$m \
	    $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/} || exit 1; done
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/sbin/|$(PREFIX)/sbin/|' contrib/relay-guard.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/relay-guard.service
	sed 's|/usr/local/sbin/|$(PREFIX)/sbin/|' contrib/relay-guard-selftest.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/relay-guard-selftest.service
	install -D -m 644 contrib/relay-guard-selftest.timer \
	    $(DESTDIR)$(PREFIX)/lib/systemd/system/relay-guard-selftest.timer
	install -D -m 644 contrib/relay-guard.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/relay-guard.conf
	install -D -m 644 contrib/relay-guard.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/relay-guard.conf
	test -e $(DESTDIR)$(SYSCONFDIR)/logrotate.d/relay-guard || \
	    install -D -m 644 contrib/relay-guard.logrotate $(DESTDIR)$(SYSCONFDIR)/logrotate.d/relay-guard
	test -e $(DESTDIR)$(SYSCONFDIR)/relay-guard/relay-guard.conf || \
	    install -D -m 644 conf/relay-guard.conf $(DESTDIR)$(SYSCONFDIR)/relay-guard/relay-guard.conf

.PHONY: clean
clean:
	$(Q)rm -rf build
