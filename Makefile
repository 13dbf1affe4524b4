# Firestorm. "make help" lists the targets; README.md tells which two you need.
SHELL       := /bin/bash
GO          ?= go
GO_MIN      := 1.26
CGO_ENABLED ?= 0
export CGO_ENABLED

# The version is what VERSION says, plus the commit when there is one. Nothing else of the machine or the hour goes
# into the binary: the same commit gives the same bytes.
VERSION := $(shell scripts/version.sh)
LDFLAGS := -s -w -buildid= -X main.version=$(VERSION)
BUILD   := $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
BIN     := bin/firestorm

# Targets other than help and clean start with this check: an old Go fails with words nobody understands.
.PHONY: help go-version
help: ## show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

go-version: ## check that Go is new enough, and print the fix if not
	@scripts/go-version.sh '$(GO)' '$(GO_MIN)'

.PHONY: build demo
build: go-version ## build bin/firestorm for this machine
	@mkdir -p bin
	$(BUILD) -o $(BIN) ./cmd/firestorm

demo: build ## build, analyse the captures in testdata/ and show the findings
	@scripts/demo.sh $(BIN)

# vet runs once, over everything, and what debuggers read is not linked into 140 test programs: two minutes of CI.
QUICK := -vet=off -ldflags='-s -w'

.PHONY: fmt check cross docs docs-check
fmt: go-version ## format all Go code
	gofmt -w $$(git ls-files '*.go')

docs: go-version ## run all captures again and write the generated pages (docs/findings.md)
	$(GO) test -count=1 -run '^TestCasesCalibration$$' ./test/calibration -update
	$(GO) run ./scripts/gendocs -write

docs-check: go-version ## fail when a generated page is not up to date
	$(GO) run ./scripts/gendocs

# linux/arm64 is built by "make package".
cross: go-version ## prove that the analysis builds for darwin, windows and js/wasm
	@for t in darwin/arm64 windows/amd64 js/wasm; do \
	  GOOS=$${t%/*} GOARCH=$${t#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/firestorm || exit 1; \
	  echo "builds for $$t"; done

check: go-version ## format, vet, unit tests, conventions, cross builds (3 min)
	@scripts/gofmt-check.sh
	$(GO) vet ./...
	$(GO) test $(QUICK) -skip '^TestCases|^TestBadInput$$' ./...
	@$(MAKE) --no-print-directory cross

.PHONY: test cases fuzz test-race test-net test-long bench
cases: go-version ## whole runs over captures (test/cases) and damaged input
	$(GO) test $(QUICK) -count=1 -run '^TestCases|^TestBadInput$$' $$(scripts/packages-with.sh '^func (TestCases|TestBadInput\()')

FUZZTIME ?= 5s
fuzz: go-version ## run every fuzz target for FUZZTIME (5s)
	@scripts/fuzz.sh '$(GO)' '$(FUZZTIME)'

test: check cases fuzz ## everything that belongs to a change: check, cases, bad input, fuzzing (8 to 19 min on two processors)
	@scripts/skipped.sh

test-race: go-version ## unit tests and cases under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race ./...

test-net: go-version ## packages installed, captures made again with real programs (root, Linux, 40 min)
	@scripts/test-net.sh

test-long: go-version ## three minutes of fuzzing for each target, and the whole suite ten times (hours)
	@scripts/fuzz.sh '$(GO)' 3m
	FIRESTORM_LONG=1 FIRESTORM_THOROUGH=1 $(GO) test -count=1 -timeout 2h ./test/... ./internal/filter ./internal/packet ./internal/capture ./internal/backup ./cmd/firestorm
	$(GO) test -count=10 ./...

.PHONY: conformance
conformance: build ## the peer test suite in FIRESTORM_SHARED; writes docs/conformance.md (1 min)
	@scripts/conformance.sh $(BIN) '$(GO)'

bench: go-version ## benchmarks: ratios measured in one run
	@scripts/bench.sh '$(GO)'

.PHONY: deps testbed package reproducible man clean
deps: ## install the Debian packages that tests use (root); no service is started
	@scripts/deps.sh

testbed: ## list the situations that testbed/ can make
	@testbed/run -l

man: go-version ## man pages and shell completion, into dist/
	@rm -rf dist/man dist/completion
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) \
	$(GO) run -trimpath -buildvcs=false -tags docgen -ldflags '-X main.version=$(VERSION)' ./cmd/firestorm gen-docs dist

package: go-version man ## debs, rpms and tarballs with bill of materials and checksums, into dist/
	@GO='$(GO)' VERSION='$(VERSION)' LDFLAGS='$(LDFLAGS)' scripts/package.sh

reproducible: go-version ## build the packages of HEAD twice, in different surroundings, and compare every byte
	@scripts/reproducible.sh

clean: ## remove what was built
	rm -rf bin dist
