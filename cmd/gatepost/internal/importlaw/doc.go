// Package importlaw holds, as tests, the law of who may import whom, and the
// short list of what must not be in the program at all. It has no code of its
// own: go test reads the laws in law_test.go against the module's packages.
//
// Laws bind the program, not its tests: a test may import whatever proves it.
package importlaw
