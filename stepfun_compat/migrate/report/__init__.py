"""The outputs of the scanner: text from a `ScanResult`, nothing else."""
