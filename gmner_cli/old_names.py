"""The tables of ``moved``: what was called otherwise before, and what it is called now."""

from __future__ import annotations

MODULES: dict[str, str] = {
    "gmner_cli.backbone": "gmner_cli.weights.backbone",
    "gmner_cli.bounded": "gmner_cli.files.bounded",
    "gmner_cli.commands.running": "gmner_cli.commands.with_progress",
    "gmner_cli.commands.training": "gmner_cli.commands.train_options",
    "gmner_cli.cpu": "gmner_cli.compute.cpu",
    "gmner_cli.data.posts": "gmner_cli.data.conll_posts",
    "gmner_cli.data.scenes.knowledge": "gmner_cli.data.scenes.world_knowledge",
    "gmner_cli.data.scenes.looks": "gmner_cli.data.scenes.drawing.looks",
    "gmner_cli.data.scenes.posts": "gmner_cli.data.scenes.scene_posts",
    "gmner_cli.data.table": "gmner_cli.data.csv_table",
    "gmner_cli.entailment.florence": "gmner_cli.entailment.florence_entailer",
    "gmner_cli.field_table": "gmner_cli.records.field_table",
    "gmner_cli.fields": "gmner_cli.records.fields",
    "gmner_cli.florence": "gmner_cli.vision.florence",
    "gmner_cli.grounding.florence": "gmner_cli.grounding.florence_grounder",
    "gmner_cli.hub": "gmner_cli.weights.hub",
    "gmner_cli.hub_names": "gmner_cli.weights.hub_names",
    "gmner_cli.images": "gmner_cli.pictures.images",
    "gmner_cli.inside": "gmner_cli.files.inside",
    "gmner_cli.interrupts": "gmner_cli.flow.interrupts",
    "gmner_cli.jsonl": "gmner_cli.records.jsonl",
    "gmner_cli.language.published.knowledge": "gmner_cli.language.published.knowledge_files",
    "gmner_cli.language.ready.world": "gmner_cli.language.ready.world_answers",
    "gmner_cli.linear": "gmner_cli.compute.linear",
    "gmner_cli.masks": "gmner_cli.pictures.masks",
    "gmner_cli.memory": "gmner_cli.compute.memory",
    "gmner_cli.model_folder": "gmner_cli.weights.model_folder",
    "gmner_cli.named_pictures": "gmner_cli.flow.named_pictures",
    "gmner_cli.network": "gmner_cli.weights.network",
    "gmner_cli.offsets": "gmner_cli.records.units",
    "gmner_cli.outputs": "gmner_cli.flow.outputs",
    "gmner_cli.own_code": "gmner_cli.classes.own_code",
    "gmner_cli.own_files": "gmner_cli.classes.own_files",
    "gmner_cli.picture_digests": "gmner_cli.pictures.picture_digests",
    "gmner_cli.pipeline": "gmner_cli.flow.build",
    "gmner_cli.plain_stage": "gmner_cli.flow.plain_stage",
    "gmner_cli.plain_yaml": "gmner_cli.files.plain_yaml",
    "gmner_cli.png_pixels": "gmner_cli.pictures.png_pixels",
    "gmner_cli.predicting": "gmner_cli.flow.run_file",
    "gmner_cli.proportion": "gmner_cli.weights.proportion",
    "gmner_cli.recipe_values": "gmner_cli.flow.recipe_values",
    "gmner_cli.report.pictures": "gmner_cli.report.page_picture",
    "gmner_cli.rle": "gmner_cli.records.rle",
    "gmner_cli.run_contents": "gmner_cli.flow.run_contents",
    "gmner_cli.runtime": "gmner_cli.compute.runtime",
    "gmner_cli.scoring.grounding": "gmner_cli.scoring.visual_measures",
    "gmner_cli.scoring.pictures": "gmner_cli.scoring.picture_sizes",
    "gmner_cli.scoring.report": "gmner_cli.scoring.task_scores",
    "gmner_cli.data.files": "gmner_cli.data.annotation_files",
    "gmner_cli.scoring.published": "gmner_cli.scoring.published_count",
    "gmner_cli.segmentation.prompts": "gmner_cli.segmentation.mask_prompts",
    "gmner_cli.scoring.table": "gmner_cli.scoring.printed_table",
    "gmner_cli.shipped": "gmner_cli.classes.shipped",
    "gmner_cli.sink": "gmner_cli.flow.sink",
    "gmner_cli.stages": "gmner_cli.flow.compose",
    "gmner_cli.temporary": "gmner_cli.files.temporary",
    "gmner_cli.training.batches": "gmner_cli.compute.batches",
    "gmner_cli.training.checkpoint": "gmner_cli.training.resume_state",
    "gmner_cli.training.posts": "gmner_cli.training.gold_posts",
    "gmner_cli.training.trained_on": "gmner_cli.weights.trained_on",
    "gmner_cli.trust": "gmner_cli.commands.trusted",
}
"""Old module -> new one. What lay in an old package moves with it, unless it has a line of its own."""

NAMES: dict[str, str] = {
    "gmner_cli.backbone:Site": "gmner_cli.model:WeightSource",
    "gmner_cli.entailment.entailer:Site": "gmner_cli.model:WeightSource",
    "gmner_cli.hub:OfficialFile": "gmner_cli.weights.official_files:OfficialFile",
    "gmner_cli.hub:official_file": "gmner_cli.weights.official_files:official_file",
    "gmner_cli.hub:say": "gmner_cli.errors:say",
    "gmner_cli.hub:sha256": "gmner_cli.files.digest:sha256",
    "gmner_cli.images:crop": "gmner_cli.pictures.crops:crop",
    "gmner_cli.images:to_rgb": "gmner_cli.pictures.modes:to_rgb",
    "gmner_cli.masks:MOST_PIXELS": "gmner_cli.pictures.images:MOST_PIXELS",
    "gmner_cli.model:Site": "gmner_cli.model:WeightSource",
    "gmner_cli.model:find_class": "gmner_cli.classes.class_paths:find_class",
    "gmner_cli.model:new_model": "gmner_cli.classes.class_paths:new_model",
    "gmner_cli.model:parse_config": "gmner_cli.classes.class_paths:parse_config",
    "gmner_cli.ner.crf_tagger:Site": "gmner_cli.model:WeightSource",
    "gmner_cli.ner.crf_tagger:Words": "gmner_cli.ner.tagger:Words",
    "gmner_cli.ner.encoder:Site": "gmner_cli.model:WeightSource",
    "gmner_cli.pipeline:BelieveGold": "gmner_cli.flow.keep_gold:KeepGold",
    "gmner_cli.pipeline:KeepGold": "gmner_cli.flow.keep_gold:KeepGold",
    "gmner_cli.records:RecordError": "gmner_cli.errors:RecordError",
    "gmner_cli.stages:BATCH_BYTES": "gmner_cli.flow.model_stage:BATCH_BYTES",
    "gmner_cli.stages:BATCH_START": "gmner_cli.flow.model_stage:BATCH_START",
    "gmner_cli.stages:CheckImages": "gmner_cli.flow.check_images:CheckImages",
    "gmner_cli.stages:ModelStage": "gmner_cli.flow.model_stage:ModelStage",
    "gmner_cli.stages:NO_PICTURES": "gmner_cli.pictures.images:NO_PICTURES",
    "gmner_cli.stages:Pictures": "gmner_cli.pictures.images:Pictures",
    "gmner_cli.stages:run": "gmner_cli.flow.model_stage:predict_posts",
    "gmner_cli.training.posts:own_folder": "gmner_cli.pictures.images:own_folder",
    "gmner_cli.vision.image_text:Site": "gmner_cli.model:WeightSource",
}
"""Old "module:Name" -> new one; both with the modules of their time."""

RENAMED_ATTRIBUTES: dict[str, str] = {
    "fact_bound": "label_weights",
    "load_time": "adjustable",
    "ready": "prepare_to_predict",
}
"""Old name -> new one, of attributes and methods of ``Model``."""

RENAMED_PARAMETERS: dict[str, str] = {
    "site": "source",
}
"""Old name -> new one, of parameters that models pass to the ``__init__`` of the classes they extend."""

FILES: dict[str, str] = {
    # The config of mini's tagger: how it cuts words stands there since, which is what was done without.
    "7f024719839b0d0228ceb8b2b429d6c52fe9fabe250e2244c781bb2323bceb33":
        "8ae5f033ea488ccaaa8cad21540f01ad3b5e59d676963aaa6f743d848bea5688",
}
"""sha256 of a shipped file as it was -> as it is, where it means the same."""
