"""The output formats of the scanner: functions from `ScanResult` to text."""
