package sigv4_test

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// A refusal tells whose key was named, for its record, and nothing unclean.
func TestRefusalNamesKey(t *testing.T) {
	req := signed(get())
	drop(&req, "X-Amz-Date")
	claim, err := testVerifier().Parse(&req)
	wantRefusal(t, err, sigv4.ReasonDate)
	if claim.AccessKeyID != testID {
		t.Errorf("key id %q", claim.AccessKeyID)
	}
	edit(&req, testID, "\x1b[31m")
	if claim, _ = testVerifier().Parse(&req); claim.AccessKeyID != "" {
		t.Errorf("key id %q", claim.AccessKeyID)
	}
}

func TestErrorTexts(t *testing.T) {
	status := map[sigv4.Reason]int{sigv4.ReasonPresigned: 400, sigv4.ReasonTarget: 400}
	public := map[sigv4.Reason]string{
		sigv4.ReasonSkew: sigv4.PublicSkew, sigv4.ReasonMissing: sigv4.PublicMissing,
		sigv4.ReasonPresigned: sigv4.PublicPresigned, sigv4.ReasonTarget: sigv4.PublicTarget,
	}
	for _, reason := range reasons() {
		e := &sigv4.Error{Reason: reason}
		if want := cmp.Or(status[reason], 403); e.Status() != want {
			t.Errorf("%s: status %d, want %d", reason, e.Status(), want)
		}
		want, ok := public[reason]
		if !ok {
			want = sigv4.PublicSignature
		}
		if e.Public() != want {
			t.Errorf("%s: %q", reason, e.Public())
		}
	}
	if !strings.HasPrefix(sigv4.PublicSkew, "Signature expired") {
		t.Error("the text for a wrong clock does not say expired")
	}

	req := signed(get())
	add(&req, "X-Amz-\x1bEvil", "value-of-the-caller")
	_, err := testVerifier().Parse(&req)
	refusal, ok := errors.AsType[*sigv4.Error](err)
	if !ok || refusal.Header != "X-Amz-\x1bEvil" {
		t.Fatalf("refusal %#v", err)
	}
	for _, text := range []string{refusal.Error(), refusal.Public()} {
		if strings.ContainsAny(text, "\x1b") || strings.Contains(text, "value-of-the-caller") {
			t.Errorf("text %q repeats the caller", text)
		}
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	req := signed(get())
	claim, err := testVerifier().Parse(&req)
	if err != nil {
		t.Fatal(err)
	}
	signature := hex.EncodeToString(claim.Signature[:])
	for _, value := range []any{testCredentials(), testKey(), claim, &claim, claim.Authorization} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, testSecret) || strings.Contains(text, signature) || strings.Contains(text, fmt.Sprint(claim.Signature[0], claim.Signature[1], claim.Signature[2])) {
				t.Errorf("%s of %T shows %s", verb, value, text)
			}
		}
	}
}

func reasons() []sigv4.Reason {
	return []sigv4.Reason{
		sigv4.ReasonMissing, sigv4.ReasonMalformed, sigv4.ReasonAlgorithm, sigv4.ReasonScope, sigv4.ReasonDate,
		sigv4.ReasonSkew, sigv4.ReasonHost, sigv4.ReasonHeaders, sigv4.ReasonUnsigned, sigv4.ReasonPayload,
		sigv4.ReasonToken, sigv4.ReasonPresigned, sigv4.ReasonTarget,
	}
}
