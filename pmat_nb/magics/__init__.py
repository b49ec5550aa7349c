"""The magics: parse the line, call one session method, display what it returns."""
