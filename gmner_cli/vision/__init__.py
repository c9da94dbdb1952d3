"""Image-text networks of our own, on Hugging Face classes: what visual models on scenes start from."""
