"""Pages: the bytes of one of Box's pages go in, checked and typed rows come out."""
