package sigv4

import "encoding/hex"

// CanonicalRequest, StringToSign and Signature are the intermediate results
// that the published suite states.
func CanonicalRequest(req *Request, signedHeaders string, p Profile) (string, error) {
	if err := checkSignedHeaders(signedHeaders); err != nil {
		return "", err
	}
	b, _, err := appendCanonical(nil, req, signedHeaders, p)
	if err != nil {
		return "", err
	}
	return string(b), nil
}

func StringToSign(amzDate string, a Authorization, requestHash [32]byte) string {
	return string(appendStringToSign(nil, amzDate, &a, &requestHash))
}

func Signature(k *SigningKey, amzDate string, a Authorization, requestHash [32]byte) string {
	s := k.sign(amzDate, &a, &requestHash)
	return hex.EncodeToString(s[:])
}

// SignProfile is Sign with another profile.
func SignProfile(req *Request, c Credentials, region, service string, v *Verifier) ([]Field, error) {
	return sign(req, c, region, service, v.Now(), v.Profile)
}

// CanonicalPath and CanonicalQuery are the parts with a grammar of their own.
func CanonicalPath(path string, p Profile) (string, error) {
	if err := checkTarget(&Request{Method: "GET", Path: path}, p); err != nil {
		return "", err
	}
	return string(appendPath(nil, path, p)), nil
}

func CanonicalQuery(query string) (string, error) {
	b, err := appendQuery(nil, query)
	if err != nil {
		return "", err
	}
	return string(b), nil
}
