"""Who answers prompts: language models, here and behind servers, and answers that are ready."""
