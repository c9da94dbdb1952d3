"""Where and how models compute: device, precision, threads, memory, batches."""
