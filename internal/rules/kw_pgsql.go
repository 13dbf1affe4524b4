package rules

// pgsqlBuffers are the statements of a simple query.
var pgsqlBuffers = buffersOf([]string{"pgsql"}, named{"pgsql.query", toServer})
