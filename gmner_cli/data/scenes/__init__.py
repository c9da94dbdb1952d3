"""The scenes world: named entities with constant looks, pictures of them, and posts about them."""
