package livefile
import ("testing";"time";"strings";"fmt";"runtime/debug"
 "github.com/goccy/go-yaml/lexer";"github.com/goccy/go-yaml/parser")
func TestQ(t *testing.T){
 debug.SetMaxStack(1<<30)
 rep:=func(s string,n int)string{return strings.Repeat(s,n/len(s))}
 blk:=func(n int)string{var b strings.Builder;for i:=0;b.Len()<n;i++{b.WriteString(strings.Repeat(" ",i)+"a:\n")};return b.String()}
 for _,n:=range []int{16<<10,64<<10,256<<10,1<<20}{
 for name,s:=range map[string]string{
  "spaces":rep(" ",n),"newlines":rep("\n",n),"comments":"keys: []\n"+rep("#\n",n),"commentlong":"keys: []\n#"+rep("x",n),
  "entries":"keys:\n"+rep("  - id: GPK7Q2M4X6ZB3N5C8V1L\n    secret: \"0123456789012345678901234567890123456789\"\n    principal: p\n    allow: [{operations: [\"*\"]}]\n",n),
  "flowentries":"keys: ["+rep("{id: abc, secret: d},",n)+"]",
  "word":rep("x",n),"quoted":`"`+rep("x",n)+`"`,"quotednl":`"`+rep("x\n",n)+`"`,"literal":"a: |\n"+rep(" x\n",n), "plainml": "a: "+rep("x\n ",n),
  "blocklines":"keys:\n"+rep(" - a\n",n),
 }{
  t0:=time.Now(); toks:=lexer.Tokenize(s); d1:=time.Since(t0)
  t0=time.Now(); func(){defer func(){recover()}(); parser.Parse(toks,0,parser.AllowDuplicateMapKey())}(); d2:=time.Since(t0)
  if d1+d2>200*time.Millisecond || n==1<<20 {fmt.Println(n>>10,"KiB",name,len(toks),"lex",d1,"parse",d2)}
 }
 }
 for _,n:=range []int{1000,4000,16000}{
 for name,s:=range map[string]string{ "[":rep("[",n),"{":rep("{",n),"[]":rep("[",n)+rep("]",n),"{a:":rep("{a: ",4*n),"- ":rep("- ",2*n),"? ":rep("? ",2*n),"a: ":rep("a: ",3*n),"!a ":rep("!a ",3*n),"&a ":rep("&a ",3*n),"!a\\n":rep("!a\n",3*n),"&a\\n":rep("&a\n",3*n),"[!a ":"["+rep("!a ",3*n),"[a: ":"["+rep("a: ",3*n),"[? ":"["+rep("? ",2*n),"blk":blk(n*4),
  "? a\\n":rep("? a\n",4*n),"*a ":rep("*a ",3*n),"'':":rep("'': ",4*n),": ":rep(": ",2*n), "[: ":"["+rep(": ",2*n), "<<: ":rep("<<: ",4*n), "? !a":rep("? !a ",5*n),"---":rep("---\n",4*n),"---a":rep("--- a\n",4*n),"%":rep("%a\n",4*n), "|":rep("|\n",2*n), ">":rep("> ",2*n)} {
  t0:=time.Now(); toks:=lexer.Tokenize(s); d1:=time.Since(t0)
  t0=time.Now(); var err error; func(){defer func(){if r:=recover();r!=nil{err=fmt.Errorf("PANIC %v",r)}}(); _,err=parser.Parse(toks,0,parser.AllowDuplicateMapKey())}(); d2:=time.Since(t0)
  e:=""; if err!=nil{e=strings.SplitN(err.Error(),"\n",2)[0]}
  if len(e)>60{e=e[:60]}
  if d1+d2>20*time.Millisecond {fmt.Println(n,name,len(toks),"lex",d1,"parse",d2,e)}
 }
 }
}
