package world

import "fmt"

func partnerNames() []string {
	return []string{
		"almera", "bidello", "boreal", "corvane", "dalmora", "delphin", "elvaro", "fenwyck", "gorivo", "hadrane",
		"ilvane", "jasmor", "kelvara", "lumaro", "mirenda", "norvale", "oskarin", "pellgrin", "quillon", "ravelo",
		"solvane", "tarvis", "umbriel", "valtor", "wendra", "xantor", "yarrowe", "zaltana", "zephra", "zorille",
	}
}

// countryCodes returns ISO-3166-1 alpha-3 codes, the busiest first.
func countryCodes() []string {
	return []string{
		"USA", "IND", "BRA", "GBR", "DEU", "JPN", "FRA", "CAN", "IDN", "MEX", "ITA", "ESP", "AUS", "KOR", "TUR",
		"POL", "NLD", "THA", "VNM", "PHL", "ARG", "SWE", "COL", "ZAF", "EGY", "CHE", "BEL", "AUT", "CHL", "NOR",
		"DNK", "FIN", "PRT", "CZE", "GRC", "ROU", "HUN", "IRL", "NZL", "ISL",
	}
}

func languages() []string {
	return []string{"en", "hi", "pt", "en", "de", "ja", "fr", "en", "id", "es", "it", "es", "en", "ko", "tr", "pl", "nl", "th", "vi", "en"}
}

// devices returns the kinds of devices; a publisher says how often each comes.
func devices() []device {
	list := []device{
		{kind: 2, maker: "", os: "Windows", osv: []string{"10", "11"}},
		{kind: 4, maker: "Nordfone", os: "Android", osv: []string{"12", "13", "14", "15"}},
		{kind: 5, maker: "Slabtec", os: "iOS", osv: []string{"16", "17", "18"}},
		{kind: 3, maker: "Viewline", os: "Tizen", osv: []string{"6", "7"}},
		{kind: 7, maker: "Boxwell", os: "Linux", osv: []string{"5"}},
		{kind: 6, maker: "Thingum", os: "Linux", osv: []string{"4"}},
	}
	for i := range list {
		v := &list[i]
		for j := range 5 {
			name := fmt.Sprintf("%s %d", v.maker, j+1)
			if v.maker == "" {
				name = ""
			}
			v.model = append(v.model, name)
			v.ua = append(v.ua, fmt.Sprintf("Mozilla/5.0 (%s; %s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", v.os, v.maker, 126+3*j))
		}
	}
	return list
}
