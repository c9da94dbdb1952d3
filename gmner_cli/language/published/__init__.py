"""What others have published beside their papers, read as it is: captions, knowledge, annotated pools."""
