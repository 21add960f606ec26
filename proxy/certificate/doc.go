// Package certificate holds the callers' listener's TLS material, the
// certificate with its private key and the authorities of callers' certificates,
// and follows its files while gatepost runs.
//
//	store, err := certificate.Open(certificate.Files{Cert: "tls.crt", Key: "tls.key"}, certificate.Options{Logger: log})
//	if err != nil {
//		return err // what is wrong with which file, one a line
//	}
//	go store.Run(ctx)
//	server.TLS = store.Config()
//
// What it promises:
//
//   - A connection accepted after new files were loaded is served with them;
//     nothing is restarted and no signal is needed. Files are loaded once two
//     looks, 100 ms apart, found the same content, so that a pair of which only
//     one file has been replaced yet is waited for.
//   - What is not sound never comes into use: a certificate and a key that do not
//     fit, a file that ends in the middle, a certificate that is not valid yet or
//     no longer. What was loaded before stays, and [Store.Status] and one line of
//     the log tell of it. The pair and the authorities are judged apart: a fault
//     in one does not keep the other from being renewed.
//   - A private key that every user of the machine may read, and a file that every
//     user may write, are refused.
//   - TLS 1.2 is the least, HTTP/1.1 the only protocol. A caller that names a
//     server the certificate is not for is refused. With authorities, a caller
//     without a certificate that one of them issued is refused, and no session is
//     resumed, because that would skip the check.
//
// An established connection keeps what it was accepted with: authorities that were
// removed end no connection. Who may do what is decided by each request's
// signature.
//
// All methods are safe for concurrent use. A handshake takes no lock.
package certificate
