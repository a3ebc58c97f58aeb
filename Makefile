# Every target calls plain go commands; CI calls these targets.

GO       ?= go
TOOL      = $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 20s
SIMTIME  ?= 1m
SIMFROM  ?= 1

# A seed that nobody has run: the first of a range that the commit names.
FRESHTIME ?= 60s
FRESHFROM ?= $(shell printf '%d' 0x$$(git rev-parse HEAD | cut -c 1-12))

# The packages with files that only the tag planted compiles. The others are the same with it and without.
PLANTED = $(shell grep -rlE '^//go:build .*planted' --include='*.go' . | xargs -n 1 dirname | sort -u)

# `make` alone does what a change must pass; `make help` lists the rest.
.PHONY: all
all: check test ## check and test

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## compile the commands into bin/
	$(GO) build -o bin/ ./cmd/...

.PHONY: fmt
fmt: ## format every file
	$(TOOL) golangci-lint fmt ./...

# The linter has all of go vet's analyzers, and more: the targets that come after check do not vet again.
.PHONY: check
check: ## modules, formatting, vet and lint, with and without the planted bugs
	$(GO) mod verify
	$(GO) mod tidy -diff
	$(TOOL) golangci-lint config verify
	$(TOOL) golangci-lint run ./...
	$(TOOL) golangci-lint run --build-tags planted $(PLANTED)

.PHONY: test
test: ## every test
	$(GO) test ./...

# A program with the race detector sleeps for a second before it exits, if goroutines are left, to see
# what they do. The tests of cmd/dsm alone start 530 programs, and package leak looks for goroutines that
# are left. The packages that take longest begin first: none of them is left at the end for one processor.
.PHONY: race
race: ## every test, under the race detector
	GORACE="atexit_sleep_ms=20 $$GORACE" $(GO) test -race -vet=off ./server ./cmd/dsm ./driver ./bench ./internal/sim ./...

.PHONY: planted
planted: ## switch on every known mistake, and name what caught it
	$(GO) test -tags planted -vet=off -run Planted -v $(PLANTED)

# A failure prints its seed: go test ./internal/sim -run TestSeeds -v -seed N
.PHONY: sim
sim: ## simulate groups for SIMTIME from seed SIMFROM and list their faults, then (a minute more) with every planted bug
	$(GO) test ./internal/sim -run TestSeeds -v -timeout 0 -time $(SIMTIME) -from $(SIMFROM)
	$(GO) test ./internal/sim ./isis/isistest -tags planted -run TestPlanted -v -timeout 0

.PHONY: crowd
crowd: ## simulate a crash under full load of 256 nodes with 1 Gbit/s each
	$(GO) test ./internal/sim/crowd -run TestCrashUnderLoad -v -timeout 0 -nodes 256

.PHONY: fresh
fresh: ## simulate groups for FRESHTIME from a seed that the commit names
	@echo "from seed $(FRESHFROM), which the commit names"
	$(GO) test -vet=off ./internal/sim -run TestSeeds -v -timeout 0 -time $(FRESHTIME) -from $(FRESHFROM)

# internal/mutants/targets.txt says what is changed, and by which tests it is tried.
.PHONY: mutants
mutants: ## change conditions, assignments and calls one by one, and list what no test notices (MUTANTS="-sample 50 internal/lease")
	$(GO) run ./internal/mutants $(MUTANTS)

# Fuzzing takes one target at a time, so list them first. The listing is a
# command of its own: a package that does not compile must fail the target.
.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME
	@for pkg in $$($(GO) list ./...); do \
		listing=$$($(GO) test -list '^Fuzz' $$pkg) || { echo "$$listing"; exit 1; }; \
		for target in $$(echo "$$listing" | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

.PHONY: bench
bench: ## micro-benchmarks, for benchstat (make bench > new.txt; make benchstat)
	$(GO) test -run '^$$' -bench . -benchmem -count 10 ./...

.PHONY: benchstat
benchstat: ## compare old.txt with new.txt
	$(TOOL) benchstat old.txt new.txt

.PHONY: against
against: ## compare dsmbench with that of the commit BASE, in alternation, on a machine of its own (flags: AGAINST="-rounds 5 -only writes")
	dir=$$(mktemp -d) && trap 'git worktree remove --force $$dir/base; rm -rf $$dir' EXIT && \
		git worktree add -q --detach $$dir/base $(BASE) && (cd $$dir/base && $(GO) build -o $$dir/old ./cmd/dsmbench) && \
		$(GO) build -o $$dir/new ./cmd/dsmbench && $(GO) run ./bench/against -old $$dir/old -new $$dir/new $(AGAINST)

# A module of its own, for which go downloads what dsm does not need: it is not
# part of check. PEERS has its flags: make peers PEERS="-rounds 5 -only '^(w1|w256)/'"
.PHONY: peers
peers: ## compare with Redis, etcd, ZooKeeper, NATS and hashicorp/raft (installs what it needs; 22 minutes on a machine of its own)
	cd bench/peers && $(GO) run . $(PEERS)

.PHONY: peers-check
peers-check: ## modules, vet, lint and tests of the comparison
	cd bench/peers && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test ./... && \
		$(GO) tool -modfile=../../tools/go.mod golangci-lint run -c ../../.golangci.yml ./...

# The generated code is committed; only a change of the .proto file needs this,
# and with it protoc (Debian: protobuf-compiler). The plugins are pinned in
# tools/go.mod, and built into bin/ because protoc looks for binaries.
.PHONY: generate
generate: ## generate the code of the registry's API (needs protoc)
	@command -v protoc >/dev/null || { echo "protoc is missing: install protobuf-compiler" >&2; exit 1; }
	$(GO) build -modfile=tools/go.mod -o bin/ \
		google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go
	cd registry/registrypb && PATH="$(CURDIR)/bin:$$PATH" protoc \
		--go_out=. --go_opt=paths=source_relative \
		--connect-go_out=. --connect-go_opt=paths=source_relative registry.proto
