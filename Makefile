# `make help` lists the targets.

SHELL   := bash
GO      ?= go
ARGS    ?=
MINUTES ?= 10
SEED    ?= 1
BASE    ?= local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL    := $(GO) tool -modfile=tools/go.mod

BINARIES := bin/backend bin/frontend bin/witness bin/msdhactl
ETCD     := bin/etcd bin/etcdctl bin/etcdutl

# The race detector pays where there are goroutines; the machines and the
# simulator have none. Packages with planted bugs are tested with them, too.
CONCURRENT := /(internal/runtime|internal/evidence|cmd)(/|$$)
MUTANTS    := ./internal/fsm/... ./internal/sim/...

# The simulator computes for minutes; a machine with other work must not fail it.
PATIENCE   := 30m

# Scopes of finals and member lists that are too large for `make test`.
BALLOTS    := 'nodes=4 reigns=4' 'nodes=4 members=3 changes=2' 'nodes=4 k=2 changes=2' 'reigns=4 promo=1' \
    'reigns=4 entries=2' 'reigns=6 changes=0' 'cascade=1 reigns=4' 'away=1 old=1'

.PHONY: help build images chaos chaos-long chaos-soak chaos-table test lint docs bench bench-failover bench-table demo sim explore mutants stories ensure clean $(BINARIES) $(ETCD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

build: $(BINARIES) ## bin/backend, bin/frontend, bin/witness, bin/msdhactl: static, reproducible, stamped

$(BINARIES): bin/%:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $@ ./cmd/$*

$(ETCD): bin/%:
	CGO_ENABLED=0 $(GO) build -C tools/etcd -trimpath -ldflags '-s -w' \
	    -o $(CURDIR)/$@ go.etcd.io/etcd/$(if $(filter etcd,$*),server,$*)/v3

images: build $(ETCD) ensure ## msdha-backend, -frontend, -witness, -backend-postgresql, -etcd; BASE=public; TAG=mine instead of latest
	TAG=$(TAG) tools/images.sh $(VERSION) $(BASE)

test: ensure ## every test; installs what they need (root, Debian)
	$(GO) test -timeout $(PATIENCE) $$($(GO) list ./... | grep -vE '$(CONCURRENT)')
	$(GO) test -timeout $(PATIENCE) -race $$($(GO) list ./... | grep -E '$(CONCURRENT)')
	$(GO) test -timeout $(PATIENCE) -tags mutants $(MUTANTS)
	tools/docker.sh

chaos: ensure ## every scenario on a Docker engine but the long ones, and the comparison; ARGS=f03,paused picks
	tools/chaos.sh full $(ARGS)

chaos-long: ensure ## scenarios at T = 10 s, and whether the rig sees through groups that are wrong on purpose
	tools/chaos.sh long $(ARGS)

chaos-soak: ensure ## a random mix of faults; MINUTES=20 SEED=1
	MSDHA_CHAOS_MINUTES=$(MINUTES) MSDHA_CHAOS_SEED=$(SEED) tools/chaos.sh soak

chaos-table: ## the comparison in chaos/README.md from the last `make chaos` and `make chaos-long`
	$(GO) run ./chaos/table -write chaos/README.md bin/chaos.json bin/chaos-long.json

lint: ensure ## gofumpt, vet, staticcheck, shellcheck
	@unformatted=$$($(TOOL) gofumpt -l .); \
	    if [ -n "$$unformatted" ]; then echo "run gofumpt -w on:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags mutants ./...
	$(GO) vet -tags docker ./...
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck -tags mutants $(MUTANTS)
	$(TOOL) staticcheck -tags docker ./cmd/witness ./images ./chaos/... ./examples/...
	find . -path ./.git -prune -o -type f \
	    \( -name '*.sh' -o -path './.ci/*' -o -path './examples/*/hooks/*' -o -path './examples/fence/*/fence' -o -name start_hook \) \
	    -print0 | xargs -0r shellcheck -x -P SCRIPTDIR

docs: ## docs/FSM.md from the machines' tables
	mkdir -p docs
	$(GO) run ./internal/tidy/gendoc docs/FSM.md

bench: ## a Step of each machine, the simulator on one core and two, the proxy beside a direct connection
	$(GO) test -run '^$$' -bench . -benchmem ./internal/fsm/... ./internal/sim/... ./internal/runtime/proxy/...

bench-failover: images ## msdha beside Patroni: seconds without a write, by fault; hours; goes on where it was; ARGS='-faults kill,stop'
	tools/bench-images.sh $(TAG)
	$(GO) build -o bin/bench-failover ./chaos/bench
	MSDHA_CHAOS_TAG=$(or $(TAG),latest) bin/bench-failover $(ARGS)

bench-table: ## docs/BENCHMARKS.md from the runs of `make bench-failover`; ARGS=FILE
	$(GO) run ./chaos/bench -table -write docs/BENCHMARKS.md $(ARGS)

demo: build ensure ## a PostgreSQL group on this machine that fails over; ARGS='--json FILE', '--stay'
	bin/msdhactl demo $(ARGS)

sim: bin/msdhactl ## the simulator on all cores; MINUTES=10, or ARGS='--cluster-years 1', '--story NAME'
	bin/msdhactl sim $(or $(ARGS),--seed 1 --duration $(MINUTES)m)

explore: bin/msdhactl ## every state of small groups, the last safe grace and pause; ARGS="--scope 'ttl=3 drops=2'"
ifdef ARGS
	bin/msdhactl explore $(ARGS)
else
	bin/msdhactl explore --boundary
	bin/msdhactl explore --scope 'fronts=0 lag=1'
	bin/msdhactl explore --scope 'ttl=3 deletes=1 stops=1' --memory 6000
	for scope in $(BALLOTS); do bin/msdhactl explore --ballot --scope "$$scope" --memory 6000 || exit; done
endif

mutants: ## every planted bug over five seeds: what notices it, and when; ARGS=half-wait,no-kill
	$(GO) test -tags mutants -c -o bin/mutants.test ./internal/sim
	cd internal/sim && ../../bin/mutants.test -test.run '^TestMutants$$' -test.timeout 30m -mutants $(or $(ARGS),all)

stories: ## write the golden stories anew; read the difference before committing it
	$(GO) test ./internal/sim -run TestStories -update

ensure: ## install what tests and demo need beyond Go
	tools/ensure.sh

clean: ## remove what was built
	rm -rf bin
