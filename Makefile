# Everything that is done to this repository, by name. `make` alone explains.
GO       ?= go
TOOLS    := $(CURDIR)/.tools
LINT     := $(TOOLS)/golangci-lint
LINT_VERSION := v2.15.0
GREMLINS := $(TOOLS)/gremlins
GREMLINS_VERSION := v0.6.0
GOVULNCHECK := $(TOOLS)/govulncheck
GOVULNCHECK_VERSION := v1.9.0
VERSITYGW := $(TOOLS)/versitygw
VERSITYGW_VERSION := v1.8.0
PURE     ?= controller/rollout controller/judge controller/tally controller/history controller/admit controller/preview inference/model inference/feature inference/release
THRIFT_FLAGS := -strict --gen go:package_prefix=github.com/sluicehq/sluice/idl/gen/,skip_remote -out idl/gen
FUZZTIME ?= 30s
SOAK     ?= 10m
TASKS    ?= 1
SEED     ?= 0
STEPS    ?= 2000
NIGHTS   ?= 20s
TIMES    ?= 200
SIMULATE ?= middle
PART     ?= rollouts worlds speed
SECONDS_EACH ?= 60
PYTHON   ?= python3
OTHERS   := $(TOOLS)/others/bin/python
CONTRACT := $(TOOLS)/contract/bin/schemathesis
CFN_LINT := $(TOOLS)/cfn-lint/bin/cfn-lint
CHECKOV  := $(TOOLS)/checkov/bin/checkov
EXAMPLES ?= 100
# The program tells its commit wherever there is one, whatever GOFLAGS says.
STAMP = $(shell git rev-parse -q --verify HEAD >/dev/null 2>&1 && echo -buildvcs=true)
BENCH_TAGS = $(shell test -x $(OTHERS) && command -v gcc >/dev/null && echo -tags others)

.PHONY: help build demo test mcp race arm64 fuzz bench lint generate verify models models-fuzz clean interop soak newcomer recovery nights faults mutants gremlins bench-check bench-scale simulate screenshots contract clients calls sagemaker-sdk deploy-check versitygw bench-s3 moto image image-check release release-check vulncheck

help: ## say what there is
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## build bin/sluice
	$(GO) build -trimpath $(STAMP) -o bin/sluice .

image: ## build the container image for amd64 and arm64 into bin/image, without Docker
	cd deploy/image && $(GO) run . -out $(CURDIR)/bin/image

image-check: ## build it twice and compare, look at all that is in it, and run it from its root file system; running it needs root
	cd deploy/image && $(GO) test -count=1 -v -timeout 30m -run '^TestImage' .

release: ## make a release of the tag at this commit into bin/release, signed with the SSH key in the file KEY
	@test -n "$(KEY)" || { echo "no key to sign with: make release KEY=~/.ssh/release; see deploy/image/README.md"; exit 1; }
	cd deploy/image && $(GO) run . -release -key $(abspath $(KEY)) -out $(CURDIR)/bin/release

release-check: ## make a release twice and compare, verify it as users do, and see what was tampered with found; needs ssh-keygen
	cd deploy/image && $(GO) test -count=1 -v -timeout 30m -run '^TestRelease' .

# govulncheck ends with 3 where it finds something, and with 1 where it cannot look.
vulncheck: $(GOVULNCHECK) ## look for known vulnerabilities in what the program calls; needs the way to vuln.go.dev, or VULNDB=file:///a/copy of its data
	@said=$$(mktemp); status=0; $(GOVULNCHECK) $(if $(VULNDB),-db $(VULNDB)) . 2>$$said || status=$$?; cat $$said >&2; \
	  ! grep -q 'fetching vulnerabilities' $$said || echo "NOT CHECKED: the list of vulnerabilities cannot be read; let this machine reach vuln.go.dev, or name a copy of its data: VULNDB=file:///..."; \
	  rm -f $$said; exit $$status

$(GOVULNCHECK):
	GOBIN=$(TOOLS) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

demo: build ## watch Sluice do what it is for, on this machine; Ctrl-C ends it
	bin/sluice demo

test: ## run every test
	$(GO) test ./...
	cd deploy/mcp && $(GO) test ./...

mcp: ## build bin/sluice-mcp, by which assistants ask
	cd deploy/mcp && $(GO) build -trimpath $(STAMP) -o $(CURDIR)/bin/sluice-mcp .

arm64: ## run the tests of scoring and of the judge as arm64 programs, under qemu-user, but for its simulations
	GOARCH=arm64 CGO_ENABLED=0 $(GO) test -short -skip '^TestSimulation' -timeout 60m -exec qemu-aarch64 ./inference/model ./inference/feature ./inference/release ./controller/judge ./controller/tally

race: ## run every test under the race detector
	$(GO) test -race ./...

# Go 1.26 now and then fails a fuzz run with nothing but its own deadline
# (go.dev/issue/75804): a finding is a failure that says more.
fuzz: ## fuzz everything that has a fuzz test, FUZZTIME each
	@log=$$(mktemp); for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg >$$log 2>&1 || \
	      { grep -q '^    context deadline exceeded$$' $$log && ! grep -q 'Failing input' $$log; } || { cat $$log; rm -f $$log; exit 1; }; \
	    tail -n 1 $$log; \
	  done; done; rm -f $$log

interop: ## call a task from clients in ten languages, old ones and those of deploy/clients
	$(GO) test -count=1 -v -timeout 30m -run 'TestInterop$$' ./e2e -interop

newcomer: ## follow deploy/sagemaker/README.md word for word beside a demo, until the model that it trains is live; needs Python 3 with venv
	$(GO) test -count=1 -v -timeout 30m -run 'TestNewcomer$$' ./e2e -newcomer $(PYTHON)

clients: ## have other people's S3 clients do a day's work on the local AWS; needs Python 3.11 with venv, and apt-get for rclone where that is not installed
	local/testdata/clients/install.sh $(TOOLS)/clients
	$(GO) test -count=1 -v -timeout 30m -run 'TestClients$$' ./local -clients $(TOOLS)/clients

versitygw: $(VERSITYGW) ## play whole rollouts with versitygw's S3 in place of ours
	$(GO) test -count=1 -v -timeout 30m -run 'TestRolloutsOnVersitygw$$' ./e2e -versitygw $(VERSITYGW)
	SLUICE_VERSITYGW=$(VERSITYGW) $(GO) test -count=1 -v -timeout 10m -run 'TestS3Contract$$' ./controller/aws

$(VERSITYGW):
	GOBIN=$(TOOLS) $(GO) install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION)

soak: ## swap releases every 5 s under load for SOAK on TASKS tasks; no auction may fail
	$(GO) test -count=1 -v -timeout 0 -run 'TestSoak$$' ./e2e -soak $(SOAK) -soak-tasks $(TASKS)

recovery: ## measure how soon all tasks are back on stable, and another leads, TIMES each with real processes and faults of S3
	$(GO) test -count=1 -timeout 0 -run '^$$' -bench 'Rollback|Takeover' -benchtime $(TIMES)x ./e2e

nights: ## play the whole system in a deterministic world for NIGHTS; SEED=n STEPS=n plays and tells one night
	$(GO) test -count=1 -v -timeout 0 -run 'TestNights$$' ./e2e/nights -seed $(SEED) -steps $(STEPS) -for $(NIGHTS)

faults: ## see that the nights find every fault of their table
	$(GO) test -count=1 -v -timeout 0 -run 'TestFaults' ./e2e/nights -faults

mutants: ## prove that the safety tests catch broken programs
	$(GO) test -count=1 -timeout 30m -run 'TestMutants' ./checks -mutants

# A cached run would tell Gremlins that the tests take no time, and every mutant
# that they take too long. It prints those that live on, and those that hang.
gremlins: $(GREMLINS) ## change PURE packages in every small way, and see that 90 % of it fails a quick test; takes hours
	@status=0; for pkg in $(PURE); do echo "== $$pkg"; \
	  GOFLAGS="-count=1 -short -vet=off" $(GREMLINS) unleash --workers 1 --timeout-coefficient 8 --exclude-files 'test/' \
	    --output-statuses lt --threshold-efficacy 90 ./$$pkg || status=1; \
	done; exit $$status

$(GREMLINS):
	GOBIN=$(TOOLS) $(GO) install github.com/go-gremlins/gremlins/cmd/gremlins@$(GREMLINS_VERSION)

bench: $(OTHERS) ## measure Sluice against what one would use instead
	cd bench && $(GO) run $(BENCH_TAGS) . -others $(OTHERS)

bench-check: $(OTHERS) ## the same, and fail where a goal is missed
	cd bench && $(GO) test $(BENCH_TAGS) . && $(GO) run $(BENCH_TAGS) . -others $(OTHERS) -check

# The newest that this Python gets; without them, their rows are skipped.
$(OTHERS):
	-$(PYTHON) -m venv $(TOOLS)/others && $(OTHERS) -m pip install -q numpy scipy packaging xgboost tl2cgen treelite || rm -rf $(TOOLS)/others

bench-s3: $(VERSITYGW) ## the local S3 beside versitygw's
	cd bench && $(GO) run . -s3 $(VERSITYGW)

bench-scale: ## what a request costs by connections, partners and trees
	cd bench && $(GO) run . -scale

calls: ## what a controller asks of AWS in a quiet hour, and while a fleet is replaced, beside f4d4974; some minutes
	$(GO) test -count=1 -v -timeout 60m -run 'TestHourBeside$$|TestQuietHour|TestFleetIsReplaced|TestTakeoverOfMany' ./controller/aws -hour

contract: $(CONTRACT) ## let a stranger ask for everything in the document of the API, EXAMPLES (100) requests for each operation
	$(GO) test -count=1 -v -timeout 60m -run 'TestContractFromOutside$$' ./api -schemathesis $(CONTRACT) -examples $(EXAMPLES)

$(CONTRACT):
	$(PYTHON) -m venv $(TOOLS)/contract && $(TOOLS)/contract/bin/python -m pip install -q schemathesis==4.32.0 || { rm -rf $(TOOLS)/contract; exit 1; }

sagemaker-sdk: ## train and tune on this machine by SageMaker's Python SDKs v2 and v3, which take 1.3 GB; needs Python 3.9 to 3.12 with venv
	for v in v2:2.257.7 v3:3.27.0; do test -x $(TOOLS)/sagemaker/$${v%%:*}/bin/python || \
	  { $(PYTHON) -m venv $(TOOLS)/sagemaker/$${v%%:*} && $(TOOLS)/sagemaker/$${v%%:*}/bin/python -m pip install -q "sagemaker==$${v#*:}" || { rm -rf $(TOOLS)/sagemaker/$${v%%:*}; exit 1; }; } ; done
	$(GO) test -count=1 -v -timeout 20m -run 'TestSageMakerSDKs$$' ./local -sagemaker-sdk $(TOOLS)/sagemaker

# Its pattern of tests is that of checks/templates_test.go and rights_test.go.
deploy-check: $(CFN_LINT) $(CHECKOV) ## see that the templates of deploy/aws are sound, and that roles have the rights that the code needs and no others
	$(GO) test -count=1 -run 'Template|Planted|Expire|CfnLint|Right|Allows' ./checks
	$(GO) test -count=1 -run 'TestRights$$|TestAWSDocument$$' ./e2e
	$(CHECKOV) -d deploy/aws --config-file deploy/aws/checkov.yml

$(CFN_LINT):
	$(PYTHON) -m venv $(TOOLS)/cfn-lint && $(TOOLS)/cfn-lint/bin/python -m pip install -q cfn-lint==1.58.0 || { rm -rf $(TOOLS)/cfn-lint; exit 1; }

$(CHECKOV):
	$(PYTHON) -m venv $(TOOLS)/checkov && $(TOOLS)/checkov/bin/python -m pip install -q checkov==3.3.30 || { rm -rf $(TOOLS)/checkov; exit 1; }

moto: ## watch the training jobs of a moto server until their models are live; needs Python 3.9 or newer with venv
	test -x $(TOOLS)/moto/bin/python || { $(PYTHON) -m venv $(TOOLS)/moto && $(TOOLS)/moto/bin/python -m pip install -q 'moto[server]==5.2.5' || { rm -rf $(TOOLS)/moto; exit 1; }; }
	$(GO) test -count=1 -v -timeout 20m -run 'TestMoto$$' ./e2e -moto $(TOOLS)/moto/bin/python

lint: $(LINT) ## check style, the arrows between packages, and the dashboard's types
	$(LINT) run --allow-parallel-runners ./...
	@if command -v npm >/dev/null; then cd web && npm ci --silent && npm run --silent check && echo "the dashboard's types are sound"; \
	else echo "there is no npm: the dashboard's types are not checked"; fi

$(LINT):
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

generate: ## regenerate Thrift code, the document of the API and what is made from it, and the dashboard's script
	rm -rf idl/gen && mkdir -p idl/gen
	for idl in openrtb adfilter control; do thrift $(THRIFT_FLAGS) idl/$$idl.thrift; done
	$(GO) generate ./api ./web

verify: ## fail when what is generated is not what is committed
	@before=$$(mktemp -d) && cp -r idl/gen $$before/gen && cp -r web/static web/packed $$before && $(MAKE) --no-print-directory -s generate && \
	  diff -r $$before/gen idl/gen && diff -r $$before/static web/static && diff -r $$before/packed web/packed && echo "what is generated is up to date" ; \
	  status=$$?; rm -rf $$before; exit $$status
	$(GO) mod verify >/dev/null
	$(GO) vet ./...

models: build ## train the demo's models again, with real XGBoost in a virtual environment
	deploy/sagemaker/models.sh

models-fuzz: build ## compare random models of real libraries with Sluice, bit for bit, SECONDS_EACH (60) of each version; SEED=n begins elsewhere
	SECONDS_EACH=$(SECONDS_EACH) $(if $(filter-out 0,$(SEED)),SEED=$(SEED)) deploy/sagemaker/models-fuzz.sh

# The two in docs are those of the README.
screenshots: ## take pictures of every page in both themes and on a phone into bin/screenshots, and two into docs
	rm -rf bin/screenshots && mkdir -p bin/screenshots
	$(GO) test -count=1 -timeout 20m -run 'TestShots' ./api -shots $(CURDIR)/bin/screenshots
	cp bin/screenshots/front_light.png docs/fleet.png && cp bin/screenshots/front_dark.png docs/rollout.png

clean: ## remove what was built
	rm -rf bin .tools .venv .clients

simulate: ## play thousands of rollouts, up to some hours for each PART (rollouts, worlds, speed: all), and write what came of them to docs/judge; goes on where it was stopped; SIMULATE=full takes days
	mkdir -p bin
	for part in $(PART); do $(GO) test -count=1 -v -timeout 0 -run 'TestSimulate$$' ./controller/simulation -simulate $(SIMULATE) -part $$part -out $(CURDIR)/docs/judge -notebook $(CURDIR)/bin/simulate-$(SIMULATE)-$$part || exit 1; done
