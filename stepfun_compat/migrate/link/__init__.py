"""What the names of a project mean together: modules, classes, functions and objects across files; pure."""
