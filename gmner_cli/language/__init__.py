"""Words about entities: referring expressions, and what language models are asked."""
