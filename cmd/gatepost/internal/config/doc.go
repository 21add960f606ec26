// Package config reads gatepost's settings: gatepost.yaml, the environment
// and the command line, in rising order of precedence.
//
// The Go structs are the reference: every key is a field of [Config], with
// its unit, its bounds and what it means for security. A key such as
// proxy.header_timeout is also the variable GATEPOST_PROXY_HEADER_TIMEOUT and
// the flag --proxy.header-timeout. Durations and sizes carry units (60s,
// 64MiB).
//
// Reading is strict. An unknown key, variable or flag, a value of the wrong
// form and a combination that would be unsafe are faults, and [Load] reports
// every one of them at once, each with the place where the value was given.
//
// Relative paths mean the working directory, whichever source names them: a
// path in the file, in the environment and after a flag is then always the
// same file, and the same that `gatepost keys --file` and `gatepost audit
// --data-dir` mean.
//
//	loaded, err := config.Load(config.Sources{File: "gatepost.yaml", Env: os.Environ()})
//	if err != nil {
//		return err // one line for each fault
//	}
//	serve(loaded.Config)
//
// Nothing here is kept between calls; every function may be called
// concurrently, and a [Loaded] may be read concurrently once it is returned.
package config
