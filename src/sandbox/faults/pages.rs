//! HTML pages that are answered in place of the API's JSON.

pub(super) const WELCOME: &str =
    "<!doctype html><title>Welcome</title><p>This is not the API.</p>\n";

pub(super) const BAD_GATEWAY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
    <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";

pub(super) const LOGIN: &str = "<!doctype html>\n<title>Sign in</title>\n\
    <form method=\"post\" action=\"/login\">\n<input name=\"user\">\n\
    <input name=\"password\" type=\"password\">\n<button>Sign in</button>\n</form>\n";

pub(super) const NOT_FOUND: &str = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
    <center><h1>404 Not Found</h1></center>\r\n</body>\r\n</html>\r\n";

pub(super) const FIREWALL: &str = "<!doctype html>\n<title>Request blocked</title>\n\
    <h1>403 Forbidden</h1>\n<p>This request was blocked by a security rule.</p>\n";
